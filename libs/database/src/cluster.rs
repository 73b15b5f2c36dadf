use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use sqlx::PgPool;
use tokio::{sync::watch, time::Instant};

use crate::{
    Node, Position, Settings, State,
    choose::{self, Source},
};

/// How often a standby is asked whether it has replayed what it received.
const REPLAY_STEP: Duration = Duration::from_millis(10);

/// One replicated cluster: a primary and its replicas, whichever they are now.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: Arc<str>,
    nodes: Arc<[Arc<Node>]>,
    settings: Settings,
    changed: watch::Sender<u64>,
    seen: Arc<Seen>,
}

/// What is remembered of the cluster's history: a node that contradicts it is not believed.
#[derive(Debug, Default)]
struct Seen {
    timeline: AtomicU32,
    /// The system identifier of the first node that answered; zero before.
    system: AtomicI64,
}

/// A node chosen for a read, and why it was this one.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub node: &'a Node,
    pub reason: &'static str,
}

impl Cluster {
    /// Connects to nothing yet: `watch` must run for the cluster to have a primary.
    pub fn new(name: &str, settings: &Settings, addresses: &[String]) -> anyhow::Result<Self> {
        anyhow::ensure!(!addresses.is_empty(), "shard {name} has no nodes");
        let nodes = addresses.iter().map(|address| Node::new(settings, address).map(Arc::new)).collect::<anyhow::Result<_>>()?;
        Ok(Self { name: name.into(), nodes, settings: settings.clone(), changed: watch::Sender::new(0), seen: Arc::default() })
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Watches every node, for ever: spawn it.
    pub async fn watch(self) {
        let watchers = self.nodes.iter().map(|node| node.clone().watch(self.settings.clone(), self.changed.clone()));
        join_all(watchers).await;
    }

    /// The node that takes writes. It may have been failed over a moment ago: then its commits do not succeed.
    pub fn primary(&self) -> Option<&Arc<Node>> {
        let states = self.states();
        choose::writer(&states, self.timeline()).map(|node| &self.nodes[node])
    }

    /// Waits for a node that takes writes, at most until `deadline`.
    pub async fn wait_primary(&self, deadline: Instant) -> Option<&Arc<Node>> {
        self.wait(deadline, || self.primary()).await
    }

    /// Returns once `node` is not the one that takes writes: a commit on it may then never be answered.
    pub async fn moved_from(&self, node: &Node) {
        let mut changed = self.changed.subscribe();
        while self.primary().is_some_and(|primary| std::ptr::eq(&raw const **primary, node)) {
            // The sender lives in `self`, so this cannot end before a change.
            let _ = changed.changed().await;
        }
    }

    /// The node whose answer is as good as the primary's: the primary while it is believed, else the standby that has received most, once
    /// it has replayed that. Waits for one, at most until `deadline`.
    pub async fn authority(&self, deadline: Instant) -> Option<Reader<'_>> {
        while Instant::now() < deadline {
            let source = self.wait(deadline, || choose::reader(&self.states(), self.timeline())).await?;
            match source {
                Source::Primary(node) => return Some(Reader { node: &self.nodes[node], reason: "primary" }),
                Source::Standby { node, received } => {
                    let node = &*self.nodes[node];
                    if replayed(node, received, deadline).await {
                        return Some(Reader { node, reason: "most_received" });
                    }
                }
            }
        }
        None
    }

    /// A replica that does not lag: of two drawn at random, the less busy.
    pub fn replica(&self) -> Option<&Node> {
        self.draw(None)
    }

    /// The same, of those that have replayed up to `needed`. A position of an older timeline proves nothing.
    pub fn at_least(&self, needed: Position) -> Option<&Node> {
        self.draw(Some(needed))
    }

    fn draw(&self, needed: Option<Position>) -> Option<&Node> {
        let mut fit = choose::replicas(&self.states(), self.timeline(), needed);
        fit.retain(|node| self.nodes[*node].fit());
        let draw = || fit.get(rand::random_range(0..fit.len().max(1))).map(|node| &*self.nodes[*node]);
        let (one, two) = (draw()?, draw()?);
        Some(if busy(one.pool()) <= busy(two.pool()) { one } else { two })
    }

    /// What each node last said, without those of another cluster.
    fn states(&self) -> Vec<Option<State>> {
        let states = self.nodes.iter().map(|node| node.state().filter(|state| self.is_ours(node, state)));
        let states: Vec<_> = states.collect();
        let newest = states.iter().flatten().map(|state| state.position.timeline).max();
        self.seen.timeline.fetch_max(newest.unwrap_or(0), Ordering::Relaxed);
        states
    }

    fn is_ours(&self, node: &Node, state: &State) -> bool {
        let ours = match self.seen.system.compare_exchange(0, state.system, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(first) => first == state.system,
        };
        if !ours {
            tracing::error!(shard = %self.name, node = node.address(), "a node has the data of another cluster: it is left out");
        }
        ours
    }

    /// The newest timeline ever seen.
    pub fn timeline(&self) -> u32 {
        self.seen.timeline.load(Ordering::Relaxed)
    }

    async fn wait<T>(&self, deadline: Instant, found: impl Fn() -> Option<T>) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = found() {
                    return found;
                }
                // The sender lives in `self`, so this cannot end before a change.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout_at(deadline, wait).await.ok()
    }
}

/// Waits until a standby has replayed what it had received when it was asked, and `received`. Asked anew for every read: what was
/// acknowledged before the read began was received by then.
async fn replayed(node: &Node, received: Position, deadline: Instant) -> bool {
    let lost = node.lost();
    let wait = async {
        loop {
            let sql = "select not pg_is_in_recovery() or
                       pg_last_wal_replay_lsn() >= greatest(pg_last_wal_receive_lsn(), '0/0'::pg_lsn + $1::numeric)";
            let asked = sqlx::query_scalar(sql).bind(received.lsn.cast_signed()).fetch_one(node.pool()).await;
            match asked {
                Ok(true) => return true,
                Ok(false) => tokio::time::sleep(REPLAY_STEP).await,
                Err(_) => {
                    node.doubt();
                    return false;
                }
            }
        }
    };
    tokio::select! {
        done = tokio::time::timeout_at(deadline, wait) => done.unwrap_or(false),
        () = lost => false,
    }
}

fn busy(pool: &PgPool) -> usize {
    usize::try_from(pool.size()).unwrap_or(usize::MAX).saturating_sub(pool.num_idle())
}
