//! Stopping a move at a step of its own choice: locks on its records hold it there until it is killed.

use std::time::Duration;

use anyhow::Context;
use sqlx::PgConnection;
use tokio::{process::Child, time::sleep};
use uuid::Uuid;

use crate::{databases::Databases, reshard, wait};

const PATIENCE: Duration = Duration::from_mins(2);
const STEP: Duration = Duration::from_millis(1);

const BEGUN: &str = "select id from sharding.moves where side = 'source' and step not in ('done', 'aborted')";
const AT: &str = "select step from sharding.moves where id = $1";
const COPIED: &str = "
    select count(*) > 0 and bool_and(r.srsubstate in ('r', 's'))
    from pg_subscription s join pg_subscription_rel r on r.srsubid = s.oid where s.subname = $1";
/// What the killed command was waiting for it would still get, and the next command would find it at work: its connections end with it.
const END: &str = "select count(pg_terminate_backend(pid, 60000)) from pg_stat_activity where application_name = 'magnitude reshard'";

/// What a side's records say of a move that has not begun there.
pub(crate) const NOTHING: &str = "nothing";

/// When the command is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kill {
    /// Its records are there and nothing else is sure.
    Copying,
    /// The target has everything, the source has not let go.
    Drained,
    /// The source has let go; the target has not recorded its claim.
    Released,
    /// The target has claimed, the source's rows are there.
    Claimed,
    /// One side knows that it is over.
    HalfDone,
    /// So long after its start, whatever it is doing.
    After(Duration),
}

/// The two sides of a move, each with a connection to look and one to hold a lock.
pub(crate) struct Sides {
    source: Side,
    target: Side,
}

struct Side {
    look: PgConnection,
    hold: PgConnection,
}

impl Sides {
    pub async fn open(databases: &Databases, service: &str, from: usize, to: usize) -> anyhow::Result<Self> {
        let side = async |shard| {
            Ok::<_, anyhow::Error>(Side { look: databases.primary(shard, service).await?, hold: databases.primary(shard, service).await? })
        };
        Ok(Self { source: side(from).await?, target: side(to).await? })
    }

    /// Kills the command when it gets there. What the records say afterwards, `source/target`; [`NOTHING`] where no move is
    /// under way.
    pub async fn kill(&mut self, mut command: Child, kill: Kill) -> anyhow::Result<String> {
        let id = tokio::select! {
            reached = self.reach(kill) => reached?,
            // Too late: the step was missed, and what is there is what a finished move leaves.
            ended = command.wait() => ended.map(|_| None)?,
        };
        command.kill().await?;
        for side in [&mut self.source, &mut self.target] {
            sqlx::query(END).execute(&mut side.look).await?;
        }
        self.source.release().await?;
        self.target.release().await?;
        let Some(id) = id else { return Ok(NOTHING.to_owned()) };
        Ok(format!("{}/{}", self.source.at(id).await?, self.target.at(id).await?))
    }

    /// Lets `happen` happen when the command gets there, and the command go on. Whether it succeeded, and what it said.
    pub async fn interrupt(
        &mut self,
        mut command: Child,
        kill: Kill,
        happen: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<(bool, String)> {
        tokio::select! {
            reached = self.reach(kill) => drop(reached?),
            // Too late: then it happens after the move.
            ended = command.wait() => drop(ended?),
        }
        happen.await?;
        // The locks of a primary that died are gone with it.
        let _ = (self.source.release().await, self.target.release().await);
        reshard::finish(command).await
    }

    /// The move that got there; None if it had not begun.
    async fn reach(&mut self, kill: Kill) -> anyhow::Result<Option<Uuid>> {
        let (source, target) = (&mut self.source, &mut self.target);
        if let Kill::After(pause) = kill {
            sleep(pause).await;
            return source.begun().await;
        }
        let id = source.wait_begun().await?;
        match kill {
            Kill::Drained | Kill::Released => {
                // A lock before would keep the copy's slots from beginning.
                target.wait_copied(id).await?;
                source.hold(id).await?;
                target.wait(id, "drained").await?;
            }
            Kill::Claimed | Kill::HalfDone => {
                source.wait(id, "released").await?;
                source.hold(id).await?;
                target.wait(id, "claimed").await?;
            }
            Kill::Copying | Kill::After(_) => {}
        }
        if matches!(kill, Kill::Released | Kill::HalfDone) {
            target.hold(id).await?;
            source.release().await?;
            source.wait(id, if matches!(kill, Kill::Released) { "released" } else { "done" }).await?;
        }
        Ok(Some(id))
    }
}

impl Side {
    async fn begun(&mut self) -> anyhow::Result<Option<Uuid>> {
        Ok(sqlx::query_scalar(BEGUN).fetch_optional(&mut self.look).await?)
    }

    async fn wait_begun(&mut self) -> anyhow::Result<Uuid> {
        wait::until("the beginning of a move", PATIENCE, STEP, async || self.begun().await).await
    }

    async fn at(&mut self, id: Uuid) -> anyhow::Result<String> {
        let at: Option<String> = sqlx::query_scalar(AT).bind(id).fetch_optional(&mut self.look).await?;
        Ok(at.unwrap_or_else(|| NOTHING.to_owned()))
    }

    async fn wait(&mut self, id: Uuid, step: &str) -> anyhow::Result<()> {
        wait::until(&format!("a move at {step}"), PATIENCE, STEP, async || Ok((self.at(id).await? == step).then_some(()))).await
    }

    async fn wait_copied(&mut self, id: Uuid) -> anyhow::Result<()> {
        let name = format!("move_{}", id.simple());
        let copied = async || {
            let copied: bool = sqlx::query_scalar(COPIED).bind(&name).fetch_one(&mut self.look).await?;
            Ok(copied.then_some(()))
        };
        wait::until("the copy of a move", PATIENCE, STEP, copied).await
    }

    /// Nobody changes this side's record until `release`.
    async fn hold(&mut self, id: Uuid) -> anyhow::Result<()> {
        sqlx::raw_sql("begin").execute(&mut self.hold).await?;
        let locked = sqlx::query("select from sharding.moves where id = $1 for update").bind(id).execute(&mut self.hold).await;
        locked.map(drop).context("a lock on the record of a move")
    }

    /// Nothing where nothing is held.
    async fn release(&mut self) -> anyhow::Result<()> {
        Ok(sqlx::raw_sql("rollback").execute(&mut self.hold).await.map(drop)?)
    }
}
