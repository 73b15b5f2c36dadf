use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::sync::{Notify, watch};

use crate::{
    Role, Settings, State,
    state::{ASK, Answer},
};

/// A node that does not answer within this is silent. Together with the pause between two questions it stays below the two seconds for
/// which a primary is believed.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A replica that was silent or lagged must answer so often in a row before it is read again, so that a sick one does not come and go.
const RECOVERED: u32 = 3;

/// One server of a cluster.
#[derive(Debug)]
pub struct Node {
    address: String,
    pool: PgPool,
    options: PgConnectOptions,
    state: watch::Sender<Option<State>>,
    /// Whether a read may be sent here while others could answer it as well.
    fit: AtomicBool,
    /// Asks the watcher to look now.
    doubt: Notify,
}

impl Node {
    pub(crate) fn new(settings: &Settings, address: &str) -> anyhow::Result<Self> {
        let options = settings.connect_options(address)?;
        Ok(Self {
            address: address.to_owned(),
            pool: settings.pool_options().connect_lazy_with(options.clone()),
            options,
            state: watch::Sender::new(None),
            fit: AtomicBool::new(true),
            doubt: Notify::new(),
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
        *self.state.borrow()
    }

    /// Whether it has answered for a while without lagging.
    pub(crate) fn fit(&self) -> bool {
        self.fit.load(Ordering::Relaxed)
    }

    /// Returns once the node is silent, or no longer what it is now: a read on it then need not be waited for.
    pub async fn lost(&self) {
        let mut states = self.state.subscribe();
        let before = states.borrow_and_update().map(identity);
        // The sender lives in `self`, so this ends only by a change.
        let _ = states.wait_for(|state| state.map(identity) != before || state.is_none()).await;
    }

    /// A statement failed for the server's sake: the watcher looks at once instead of at its next turn.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Asks the node for ever, over a connection of its own so that a busy pool does not look like a dead node.
    pub(crate) async fn watch(self: Arc<Self>, settings: Settings, changed: watch::Sender<u64>) {
        let mut connection = None;
        let mut good = RECOVERED;
        let limit = Duration::from_millis(settings.connect_timeout_ms).min(PATIENCE);
        loop {
            let answer = match tokio::time::timeout(limit, self.ask(&mut connection)).await {
                Ok(Ok(state)) => Some(state),
                Ok(Err(error)) => self.silent(&error),
                Err(elapsed) => self.silent(&elapsed),
            };
            if answer.is_none() {
                connection = None;
            }
            good = self.judge(answer, good, Duration::from_millis(settings.replica_max_lag_ms));
            self.note(answer, &changed);
            let _ = tokio::time::timeout(settings.poll_interval(), self.doubt.notified()).await;
        }
    }

    async fn ask(&self, connection: &mut Option<PgConnection>) -> Result<State, sqlx::Error> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(PgConnection::connect_with(&self.options).await?),
        };
        sqlx::query_as::<_, Answer>(ASK).fetch_one(open).await.map(State::from)
    }

    /// Out at the limit, in again below half of it: without the gap a replica at the limit would come and go.
    fn judge(&self, answer: Option<State>, good: u32, limit: Duration) -> u32 {
        let bound = if self.fit() { limit } else { limit / 2 };
        let good = if answer.is_some_and(|state| state.lag <= bound) { good.saturating_add(1) } else { 0 };
        let fit = if self.fit() { good > 0 } else { good >= RECOVERED };
        if self.fit.swap(fit, Ordering::Relaxed) != fit {
            tracing::info!(node = %self.address, fit, "a database node was taken out of the reads, or back in");
        }
        good
    }

    fn silent(&self, error: &dyn std::error::Error) -> Option<State> {
        if self.state().is_some() {
            tracing::warn!(node = %self.address, %error, "a database node does not answer");
        }
        None
    }

    fn note(&self, answer: Option<State>, changed: &watch::Sender<u64>) {
        let before = self.state.send_replace(answer);
        if before.map(standing) != answer.map(standing) {
            tracing::info!(node = %self.address, state = ?answer, "a database node changed");
            changed.send_modify(|count| *count += 1);
        }
    }
}

fn identity(state: State) -> (Role, u32) {
    (state.role, state.position.timeline)
}

/// What decides who writes and who is read.
fn standing(state: State) -> (Role, u32, bool) {
    (state.role, state.position.timeline, state.confirmed)
}
