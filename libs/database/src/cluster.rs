use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{Node, Position, Role, Settings};

/// One replicated cluster: a primary and its replicas, whichever they are now.
#[derive(Clone, Debug)]
pub struct Cluster {
    name: Arc<str>,
    nodes: Arc<[Arc<Node>]>,
    settings: Settings,
    changed: watch::Sender<u64>,
}

impl Cluster {
    /// Connects to nothing yet: `watch` must run for the cluster to have a primary.
    pub fn new(name: &str, settings: &Settings, addresses: &[String]) -> anyhow::Result<Self> {
        anyhow::ensure!(!addresses.is_empty(), "shard {name} has no nodes");
        let nodes = addresses.iter().map(|address| Node::new(settings, address).map(Arc::new)).collect::<anyhow::Result<_>>()?;
        Ok(Self { name: name.into(), nodes, settings: settings.clone(), changed: watch::Sender::new(0) })
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

    /// The node that takes writes. Of two that say so, the one on the newer timeline: the other was failed over.
    pub fn primary(&self) -> Option<&PgPool> {
        self.primary_position().map(|(node, _)| node.pool())
    }

    /// Waits for a primary, at most `limit`.
    pub async fn wait_primary(&self, limit: Duration) -> Option<&PgPool> {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while self.primary().is_none() {
                // The sender lives in `self`, so this cannot end before a change.
                let _ = changed.changed().await;
            }
        };
        let _ = tokio::time::timeout(limit, wait).await;
        self.primary()
    }

    /// A replica that has replayed up to `needed` and is not lagging: of two drawn at random, the less busy.
    pub fn at_least(&self, needed: Position) -> Option<&PgPool> {
        let limit = Duration::from_millis(self.settings.replica_max_lag_ms);
        // The primary's timeline is the history that counts: a stamp of an older one proves nothing.
        if let Some((_, newest)) = self.primary_position()
            && newest.timeline != needed.timeline
        {
            return None;
        }
        let fit: Vec<_> = self
            .nodes
            .iter()
            .filter(|node| {
                node.state().is_some_and(|state| state.role == Role::Replica && state.position.covers(needed) && state.lag <= limit)
            })
            .collect();
        let draw = || fit.get(rand::random_range(0..fit.len().max(1)));
        let (one, two) = (draw()?, draw()?);
        Some(if busy(one.pool()) <= busy(two.pool()) { one.pool() } else { two.pool() })
    }

    fn primary_position(&self) -> Option<(&Arc<Node>, Position)> {
        self.nodes
            .iter()
            .filter_map(|node| node.state().filter(|state| state.role == Role::Primary).map(|state| (node, state.position)))
            .max_by_key(|(_, position)| position.timeline)
    }
}

fn busy(pool: &PgPool) -> usize {
    usize::try_from(pool.size()).unwrap_or(usize::MAX).saturating_sub(pool.num_idle())
}
