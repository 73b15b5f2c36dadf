//! What can happen to the Postgres nodes of a shard, and how it is undone.

use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::{run::Run, wait};

/// How long a frozen node stays so.
const FREEZE: Duration = Duration::from_secs(30);
/// A lock that nobody renews, an election, a gigabyte of log that is replayed, and a copy made anew when nothing else helps.
const PATIENCE: Duration = Duration::from_mins(5);
/// Three turns of a leader's loop.
const STEADY: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// SIGKILL to Postgres; its Patroni lives on.
    Server,
    /// Handed over on purpose.
    Switchover,
    /// SIGKILL to everything on the node.
    Node,
    /// Every packet to and from the node is dropped.
    Cut,
    /// SIGSTOP to everything on the node, for 30 s.
    Frozen,
    /// The file system of its data is full. It must be a small one.
    FullDisk,
}

/// What goes on beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companion {
    Nothing,
    /// A standby receives and does not apply.
    PausedReplay,
    /// An instance of a service is killed and started again.
    KilledInstance,
}

/// A node that a fault was injected into.
#[derive(Debug)]
pub struct Broken {
    fault: Fault,
    node: String,
    since: Instant,
}

impl Fault {
    pub const ALL: [Self; 6] = [Self::Server, Self::Switchover, Self::Node, Self::Cut, Self::Frozen, Self::FullDisk];

    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server killed",
            Self::Switchover => "switched over",
            Self::Node => "node killed",
            Self::Cut => "cut off",
            Self::Frozen => "frozen for 30 s",
            Self::FullDisk => "disk full",
        }
    }

    /// The longest time without acknowledged writes after it that the claim allows, in seconds.
    pub fn goal(self) -> f64 {
        match self {
            Self::Server => 5.0,
            Self::Switchover => 2.5,
            Self::Node | Self::Cut | Self::Frozen | Self::FullDisk => 25.0,
        }
    }

    /// Why it cannot be injected on this machine.
    pub fn impossible(self) -> Option<String> {
        (self == Self::Cut).then(magnitude_stack::cuts_unusable).flatten()
    }

    pub async fn inject(self, run: &Run, shard: &str, node: &str) -> anyhow::Result<Broken> {
        run.fault(&format!("{shard}: {node} is {}", self.name()));
        let (name, shard, since) = (node.to_owned(), shard.to_owned(), Instant::now());
        run.control(move |stack| match self {
            Self::Server => stack.kill_server(&name),
            Self::Switchover => stack.switchover(&shard),
            Self::Node => stack.kill(&name),
            Self::Cut => stack.cut(&name),
            Self::Frozen => stack.pause(&name),
            Self::FullDisk => stack.fill_disk(&name, 0),
        })
        .await?;
        if self == Self::FullDisk {
            use_up(run, node).await?;
        }
        Ok(Broken { fault: self, node: node.to_owned(), since })
    }
}

impl Broken {
    /// Lets the node come back; how it rejoins is its own affair. Says when it was let.
    pub async fn undo(self, run: &Run) -> anyhow::Result<Instant> {
        if self.fault == Fault::Frozen {
            tokio::time::sleep_until(self.since + FREEZE).await;
        }
        let (Self { fault, node: name, .. }, let_back) = (self, Instant::now());
        run.control(move |stack| match fault {
            Fault::Server | Fault::Switchover => Ok(()),
            Fault::Node => stack.start(&name),
            Fault::Cut => stack.restore(&name),
            Fault::Frozen => stack.resume(&name),
            Fault::FullDisk => stack.free_disk(&name),
        })
        .await?;
        Ok(let_back)
    }
}

impl Companion {
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Nothing, Self::PausedReplay, Self::KilledInstance];

    /// `number` chooses among the standbys or instances.
    pub async fn begin(self, run: &Run, shard: &str, leader: &str, number: usize) -> anyhow::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::PausedReplay => replay(run, &standby(run, shard, leader, number).await?, "pg_wal_replay_pause()").await,
            Self::KilledInstance => {
                let _one = run.instances.lock().await;
                let service = ["accounts", "social", "articles"][number % 3];
                run.fault(&format!("{service}-1 is killed beside it"));
                run.control(move |stack| stack.kill(&format!("{service}-1")).and_then(|()| stack.start(&format!("{service}-1")))).await
            }
        }
    }

    /// Lets every standby of the shard apply again.
    pub async fn end(self, run: &Run, shard: &str) -> anyhow::Result<()> {
        if self != Self::PausedReplay {
            return Ok(());
        }
        for node in nodes(run, shard).await? {
            replay(run, &node, "case when pg_is_in_recovery() then pg_wal_replay_resume() end").await?;
        }
        Ok(())
    }
}

/// Fills what is left of the write-ahead log, until the server can write no more.
async fn use_up(run: &Run, node: &str) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut connection = connect(run, node).await?;
    let more = "select pg_logical_emit_message(false, 'full', 'more'), pg_switch_wal()";
    while sqlx::query(more).execute(&mut connection).await.is_ok() {
        ensure!(Instant::now() < end, "{node}: the disk does not get full");
    }
    Ok(())
}

/// One of the nodes that do not lead.
pub async fn standby(run: &Run, shard: &str, leader: &str, number: usize) -> anyhow::Result<String> {
    let mut standbys = nodes(run, shard).await?;
    standbys.retain(|node| node != leader);
    ensure!(!standbys.is_empty(), "{shard} has one node");
    Ok(standbys.swap_remove(number % standbys.len()))
}

pub async fn leader(run: &Run, shard: &str) -> anyhow::Result<String> {
    let shard = shard.to_owned();
    run.control(move |stack| stack.leader(&shard)).await.map(|node| node.name)
}

/// Waits until the shard is led after a fault: by another node, or by this one if only its server died and started anew, as it does where
/// no standby may take over yet.
pub async fn led_again(run: &Run, shard: &str, broken: &Broken) -> anyhow::Result<()> {
    let what = format!("a leader of {shard} after {} was {}", broken.node, broken.fault.name());
    let led = async || {
        let Ok(leader) = leader(run, shard).await else { return Ok(None) };
        let anew = broken.fault == Fault::Server && has_started(run, &leader, broken.since).await.unwrap_or(false);
        Ok((leader != broken.node || anew).then_some(()))
    };
    wait::until(&what, PATIENCE, wait::STEP, led).await
}

async fn has_started(run: &Run, node: &str, since: Instant) -> anyhow::Result<bool> {
    let age = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8";
    let age: f64 = sqlx::query_scalar(age).fetch_one(&mut connect(run, node).await?).await?;
    Ok(age < since.elapsed().as_secs_f64())
}

/// Waits until every node of the shard leads or may take over, and goes on to for a while: a new leader first counts everybody, then those
/// that it sees. How long that took since `begun`.
pub async fn whole(run: &Run, shard: &str, begun: Instant) -> anyhow::Result<Duration> {
    let mut since = None;
    let steady = async || {
        since = if is_whole(run, shard).await? { since.or(Some(Instant::now())) } else { None };
        Ok(since.filter(|since| since.elapsed() >= STEADY))
    };
    let since = wait::until(&format!("every node of {shard}"), PATIENCE, wait::STEP, steady).await?;
    Ok(since.duration_since(begun))
}

async fn is_whole(run: &Run, shard: &str) -> anyhow::Result<bool> {
    let group = shard.to_owned();
    let whole = run.control(move |stack| {
        let nodes = stack.select(&group)?;
        // One that was frozen leads in its own eyes until it looks.
        Ok(stack.leaders(&group).len() == 1 && nodes.iter().all(|node| stack.health(node) == magnitude_stack::Health::Ready))
    });
    whole.await
}

async fn nodes(run: &Run, shard: &str) -> anyhow::Result<Vec<String>> {
    let shard = shard.to_owned();
    run.control(move |stack| Ok(stack.select(&shard)?.into_iter().map(|node| node.name).collect())).await
}

/// Calls a function of a standby's replay.
pub async fn replay(run: &Run, node: &str, function: &str) -> anyhow::Result<()> {
    let mut connection = connect(run, node).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("select {function}"))).execute(&mut connection).await.with_context(|| node.to_owned())?;
    Ok(())
}

async fn connect(run: &Run, node: &str) -> anyhow::Result<PgConnection> {
    let name = node.to_owned();
    let address = run.control(move |stack| Ok(stack.node(&name)?.address.to_string())).await?;
    run.databases()?.node(&address, "postgres").await
}
