use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use anyhow::Context;
use futures_util::future::{BoxFuture, join_all};
use magnitude_database::{Cluster, Node, Position, Reader, Settings};
use magnitude_ids::Bucket;
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, ShardName, Stamp,
    bounded::bounded,
    map::{Claims, Map},
};

/// How long a request is held while its bucket has no owner.
pub(crate) const HOLD: Duration = Duration::from_secs(2);
/// How long a read waits for a node that can be believed: a frozen primary is noticed in less than two seconds.
pub(crate) const READ_HOLD: Duration = Duration::from_secs(5);
/// How long a start or a migration waits for a shard: a failover takes up to 25 s, on a busy machine longer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const REFRESH: Duration = Duration::from_secs(2);
/// How often the requests of a process that are held heal, however many they are.
const HEAL: Duration = Duration::from_millis(100);
const PURGE: Duration = Duration::from_mins(1);

/// One shard: the cluster's nodes, in any order, as `host:port`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSettings {
    pub name: String,
    pub nodes: Vec<String>,
}

/// Every shard of one service, and the map of who owns which bucket.
#[derive(Clone)]
pub struct Shards(Arc<Inner>);

struct Inner {
    settings: Settings,
    clusters: Vec<Cluster>,
    // A std lock: held for a copy of the Arc, never across an await.
    map: RwLock<Arc<Map>>,
    refreshing: Mutex<()>,
    /// When requests last healed a move, and whether one does now.
    healing: Mutex<Instant>,
}

impl Shards {
    /// Connects to nothing yet; the future watches the shards until `stop` and must be spawned.
    pub fn connect(
        settings: &Settings,
        shards: &[ShardSettings],
        stop: CancellationToken,
    ) -> anyhow::Result<(Self, BoxFuture<'static, ()>)> {
        anyhow::ensure!(!shards.is_empty(), "shards: at least one is needed");
        for (index, shard) in shards.iter().enumerate() {
            let twice =
                shards[..index].iter().any(|other| other.name == shard.name || other.nodes.iter().any(|node| shard.nodes.contains(node)));
            anyhow::ensure!(!twice, "shards: {} or one of its nodes is listed twice", shard.name);
        }
        let clusters = shards.iter().map(|shard| Cluster::new(&shard.name, settings, &shard.nodes)).collect::<anyhow::Result<Vec<_>>>()?;
        let map = RwLock::new(Arc::new(Map::empty(clusters.len())));
        let shards = Self(Arc::new(Inner {
            settings: settings.clone(),
            clusters,
            map,
            refreshing: Mutex::new(()),
            healing: Mutex::new(Instant::now()),
        }));
        let watch = shards.clone().watch();
        Ok((
            shards,
            Box::pin(async move {
                stop.run_until_cancelled(watch).await;
            }),
        ))
    }

    async fn watch(self) {
        let nodes = join_all(self.0.clusters.iter().map(|cluster| cluster.clone().watch()));
        let map = async {
            loop {
                let seen = self.map().generation;
                self.refresh(seen).await;
                if self.map().heard_all() {
                    self.heal_moves().await;
                }
                // Until the first full answer there is nothing to serve from, so ask more often.
                tokio::time::sleep(if self.map().heard_all() { REFRESH } else { self.0.settings_poll() }).await;
            }
        };
        let purge = async {
            loop {
                tokio::time::sleep(PURGE).await;
                self.purge_writes().await;
            }
        };
        futures_util::join!(nodes, map, purge);
    }

    /// Waits until every shard answered once, at most a minute.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let limit = Instant::now() + PATIENCE;
        while !self.map().heard_all() {
            anyhow::ensure!(
                Instant::now() < limit,
                "not every shard answered within {} s: is the database up and migrated (run `migrate`)?",
                PATIENCE.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.report();
        Ok(())
    }

    /// Says plainly what is wrong with the map.
    fn report(&self) {
        let map = self.map();
        for overlap in map.overlaps(|shard| self.cluster(shard).name().to_string()) {
            tracing::error!("{overlap}");
        }
        let blocked = map.unowned();
        if !blocked.is_empty() {
            tracing::error!(blocked = blocked.len(), first = %blocked[0], "buckets that no shard, or more than one, owns: requests for them fail");
        }
    }

    pub fn names(&self) -> Vec<ShardName> {
        self.0.clusters.iter().map(|cluster| cluster.name().clone()).collect()
    }

    pub fn shard_of(&self, bucket: Bucket) -> Result<ShardName, Error> {
        let (shard, _) = self.map().owner(bucket).ok_or(Error::BucketUnavailable)?;
        Ok(self.0.clusters[shard].name().clone())
    }

    /// The newest timeline of a shard's history; zero before it answered, or for a shard that is not one of these.
    pub fn timeline(&self, shard: &str) -> u32 {
        self.index(shard).map_or(0, |index| self.cluster(index).timeline())
    }

    /// The stamp that a read of this bucket needs if all that is written by now is to show.
    pub async fn current_stamp(&self, bucket: Bucket) -> Result<Stamp, Error> {
        let (shard, _) = self.map().owner(bucket).ok_or(Error::BucketUnavailable)?;
        self.stamp_of(shard).await
    }

    /// The same for a whole shard.
    pub async fn current_shard_stamp(&self, shard: &str) -> Result<Stamp, Error> {
        let index = self.0.clusters.iter().position(|cluster| &**cluster.name() == shard).ok_or(Error::BucketUnavailable)?;
        self.stamp_of(index).await
    }

    async fn stamp_of(&self, shard: usize) -> Result<Stamp, Error> {
        // Only a primary that is believed: a stamp of one that was failed over would let replicas answer too early.
        let reader = self.authority(shard, Instant::now() + HOLD).await?;
        let name = self.0.clusters[shard].name();
        bounded(reader.node, self.statement_timeout(), async {
            let mut connection = reader.node.pool().acquire().await?;
            stamp_on(&mut connection, name).await
        })
        .await
        .map_err(Error::from)
    }

    /// The node that takes writes.
    pub(crate) async fn writer(&self, shard: usize, deadline: Instant) -> Result<&Arc<Node>, Error> {
        self.0.clusters[shard].wait_primary(deadline).await.ok_or(Error::Unavailable)
    }

    /// The node whose answers are as good as the primary's.
    pub(crate) async fn authority(&self, shard: usize, deadline: Instant) -> Result<Reader<'_>, Error> {
        self.0.clusters[shard].authority(deadline).await.ok_or(Error::Unavailable)
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.0.settings.statement_timeout_ms)
    }

    pub(crate) fn cluster(&self, shard: usize) -> &Cluster {
        &self.0.clusters[shard]
    }

    pub(crate) fn clusters(&self) -> &[Cluster] {
        &self.0.clusters
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn map(&self) -> Arc<Map> {
        self.0.map.read().expect("no holder of this lock panics").clone()
    }

    /// Loads the map, unless somebody did since generation `seen`.
    pub(crate) async fn refresh(&self, seen: u64) {
        let _turn = self.0.refreshing.lock().await;
        let before = self.map();
        if before.generation > seen {
            return;
        }
        let answers = join_all((0..self.0.clusters.len()).map(|shard| self.claims(shard))).await;
        *self.0.map.write().expect("no holder of this lock panics") = Arc::new(before.next(answers));
    }

    /// Heals for all requests that are held: one of them does, the others go on looking at what comes of it.
    pub(crate) async fn heal_for_held(&self) {
        let Ok(mut last) = self.0.healing.try_lock() else { return };
        if last.elapsed() < HEAL {
            return;
        }
        // A shard that is silent must not hold up the request longer than it does when the map is loaded.
        let limit = Duration::from_millis(self.0.settings.acquire_timeout_ms);
        if tokio::time::timeout(limit, self.heal_moves()).await.is_err() {
            tracing::debug!("a shard is silent: what a killed move left is healed later");
        }
        *last = Instant::now();
    }

    async fn claims(&self, shard: usize) -> Option<Claims> {
        let limit = Duration::from_millis(self.0.settings.acquire_timeout_ms);
        let ask = async {
            let reader = self.authority(shard, Instant::now() + limit).await?;
            let query = sqlx::query_as(CLAIMS).fetch_one(reader.node.pool());
            let (revision, buckets, epochs): (i64, Vec<i16>, Vec<i64>) = bounded(reader.node, limit, query).await?;
            let buckets = buckets.into_iter().zip(epochs).filter_map(|(bucket, epoch)| Some((Bucket::try_from(bucket).ok()?, epoch)));
            Ok::<_, Error>(Claims { revision, buckets: buckets.collect() })
        };
        match tokio::time::timeout(limit, ask).await {
            Ok(Ok(claims)) => Some(claims),
            Ok(Err(error)) => {
                tracing::debug!(shard = %self.0.clusters[shard].name(), error = %Cause(&error), "a shard did not tell its buckets");
                None
            }
            Err(_) => None,
        }
    }
}

impl Inner {
    fn settings_poll(&self) -> Duration {
        Duration::from_millis(self.settings.poll_interval_ms.clamp(20, 200))
    }
}

/// An error with its causes in one line.
pub(crate) struct Cause<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

const CLAIMS: &str = "
    select (select revision from sharding.revision),
           coalesce(array_agg(bucket order by bucket), '{}'),
           coalesce(array_agg(epoch order by bucket), '{}')
    from sharding.buckets where state in ('owned', 'fenced')";

pub(crate) async fn stamp_on(connection: &mut sqlx::PgConnection, shard: &ShardName) -> Result<Stamp, sqlx::Error> {
    let (timeline, lsn): (i32, i64) = sqlx::query_as(
        "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int, (pg_current_wal_insert_lsn() - '0/0')::bigint",
    )
    .fetch_one(connection)
    .await?;
    Ok(Stamp { shard: shard.clone(), position: Position::from_row(timeline, lsn) })
}

impl Shards {
    /// `host:port` and state of every node of a shard, for reports.
    pub fn nodes(&self, shard: &str) -> Vec<(String, Option<magnitude_database::State>)> {
        let nodes = self.0.clusters.iter().filter(|cluster| &**cluster.name() == shard).flat_map(Cluster::nodes);
        nodes.map(|node| (node.address().to_owned(), node.state())).collect()
    }

    pub(crate) fn index(&self, name: &str) -> anyhow::Result<usize> {
        self.0.clusters.iter().position(|cluster| &**cluster.name() == name).with_context(|| format!("there is no shard {name}"))
    }
}
