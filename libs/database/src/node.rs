use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::watch;

use crate::{Position, Settings};

/// What a node said of itself when it was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    pub role: Role,
    /// Written so far on a primary, replayed so far on a replica.
    pub position: Position,
    /// How old the newest replayed commit is while more is waiting to be replayed; zero otherwise.
    pub lag: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Primary,
    Replica,
}

/// One server of a cluster.
#[derive(Debug)]
pub struct Node {
    address: String,
    pool: PgPool,
    options: PgConnectOptions,
    // A std lock: held for a copy, never across an await.
    state: RwLock<Option<State>>,
}

const ASK: &str = "
    select pg_is_in_recovery() as replica,
           case when pg_is_in_recovery()
                then (select greatest(c.timeline_id, r.min_recovery_end_timeline) from pg_control_checkpoint() c, pg_control_recovery() r)
                else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end as timeline,
           (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0')::bigint as lsn,
           case when not pg_is_in_recovery() or pg_last_wal_receive_lsn() is not distinct from pg_last_wal_replay_lsn() then 0
                else (extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint end as lag_ms";

impl Node {
    pub(crate) fn new(settings: &Settings, address: &str) -> anyhow::Result<Self> {
        let options = settings.connect_options(address)?;
        Ok(Self {
            address: address.to_owned(),
            pool: settings.pool_options().connect_lazy_with(options.clone()),
            options,
            state: RwLock::new(None),
        })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What the node last said; nothing while it does not answer.
    pub fn state(&self) -> Option<State> {
        *self.state.read().expect("no holder of this lock panics")
    }

    /// Asks the node for ever, over a connection of its own so that a busy pool does not look like a dead node.
    pub(crate) async fn watch(self: Arc<Self>, settings: Settings, changed: watch::Sender<u64>) {
        let mut connection = None;
        let limit = Duration::from_millis(settings.connect_timeout_ms);
        loop {
            let answer = match tokio::time::timeout(limit, self.ask(&mut connection)).await {
                Ok(Ok(state)) => Some(state),
                Ok(Err(error)) => self.silent(&error),
                Err(elapsed) => self.silent(&elapsed),
            };
            if answer.is_none() {
                connection = None;
            }
            self.note(answer, &changed);
            tokio::time::sleep(settings.poll_interval()).await;
        }
    }

    async fn ask(&self, connection: &mut Option<PgConnection>) -> Result<State, sqlx::Error> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(PgConnection::connect_with(&self.options).await?),
        };
        let (replica, timeline, lsn, lag_ms): (bool, i32, i64, Option<i64>) = sqlx::query_as(ASK).fetch_one(open).await?;
        Ok(State {
            role: if replica { Role::Replica } else { Role::Primary },
            position: Position::from_row(timeline, lsn),
            lag: Duration::from_millis(lag_ms.unwrap_or(0).max(0).cast_unsigned()),
        })
    }

    fn silent(&self, error: &dyn std::error::Error) -> Option<State> {
        if self.state().is_some() {
            tracing::warn!(node = %self.address, %error, "a database node does not answer");
        }
        None
    }

    fn note(&self, answer: Option<State>, changed: &watch::Sender<u64>) {
        let before = std::mem::replace(&mut *self.state.write().expect("no holder of this lock panics"), answer);
        if before.map(|state| (state.role, state.position.timeline)) != answer.map(|state| (state.role, state.position.timeline)) {
            tracing::info!(node = %self.address, state = ?answer, "a database node changed");
            changed.send_modify(|count| *count += 1);
        }
    }
}
