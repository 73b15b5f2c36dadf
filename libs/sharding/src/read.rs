use std::time::Duration;

use futures_util::future::try_join_all;
use magnitude_database::Node;
use magnitude_ids::Bucket;
use sqlx::{FromRow, Postgres, postgres::PgRow};
use tokio::time::Instant;

use crate::{
    Binds, Error, Freshness, ShardFreshness, ShardName, Shards, Stamp,
    bounded::bounded,
    error::{lost_connection, not_owned},
    shards::{HOLD, READ_HOLD},
};

/// A move holds requests for less, as a rule: whoever is held longer may be so by one that was killed.
const PATIENCE: Duration = Duration::from_millis(600);

/// A row that a statement may answer with.
pub trait Row: for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

impl Shards {
    /// One bucket's read, at most one row. The statement sees `$1` = bucket and `$2` = epoch and must contain
    /// `(select sharding.owns($1, $2))` as a condition; own arguments start at `$3`.
    pub async fn fetch_optional<O: Row>(
        &self,
        bucket: Bucket,
        freshness: Freshness,
        sql: &'static str,
        bind: impl Fn(Binds) -> Binds + Send + Sync,
    ) -> Result<Option<O>, Error> {
        Ok(self.fetch_all(bucket, freshness, sql, bind).await?.into_iter().next())
    }

    /// The same for many rows.
    pub async fn fetch_all<O: Row>(
        &self,
        bucket: Bucket,
        mut freshness: Freshness,
        sql: &'static str,
        bind: impl Fn(Binds) -> Binds + Send + Sync,
    ) -> Result<Vec<O>, Error> {
        let mut hold = Hold::new();
        loop {
            let map = self.map();
            let Some((shard, epoch)) = map.owner(bucket) else {
                hold.on(self, map.generation, Error::BucketUnavailable).await?;
                continue;
            };
            match self.read_shard(shard, stamp(&freshness), sql, || bind(Binds::default().bind(bucket.as_i16()).bind(epoch))).await {
                Err(Refused::NotOwned) => {
                    // A replica may be late to know a move; the primary is not.
                    freshness = Freshness::Primary;
                    hold.on(self, map.generation, Error::BucketUnavailable).await?;
                }
                Err(Refused::Other(error)) => return Err(error),
                Ok(rows) => return Ok(rows),
            }
        }
    }

    /// Every shard in parallel, one statement each. `$1` is the shard's revision; the statement must contain
    /// `(select sharding.covers($1))` as a condition and take only rows of the buckets in `sharding.held`: copies of others may be there
    /// while they move. Own arguments start at `$2`. The rows of all shards, one shard's after another's; either every bucket was
    /// covered just once or it is an error.
    pub async fn fetch_from_all<O: Row>(
        &self,
        freshness: &ShardFreshness,
        sql: &'static str,
        bind: impl Fn(Binds) -> Binds + Send + Sync,
    ) -> Result<Vec<O>, Error> {
        debug_assert!(sql.contains("sharding.held"), "rows of buckets that are elsewhere would be counted: {sql}");
        let mut hold = Hold::new();
        let mut replicas = true;
        loop {
            let map = self.map();
            let Some(revisions) = map.complete() else {
                hold.on(self, map.generation, Error::BucketUnavailable).await?;
                continue;
            };
            let reads = revisions.into_iter().enumerate().map(|(shard, revision)| {
                let needed = freshness.get(self.cluster(shard).name()).filter(|_| replicas);
                let bind = &bind;
                self.read_shard(shard, needed, sql, move || bind(Binds::default().bind(revision)))
            });
            match try_join_all(reads.collect::<Vec<_>>()).await {
                Err(Refused::NotOwned) => {
                    replicas = false;
                    hold.on(self, map.generation, Error::BucketUnavailable).await?;
                }
                Err(Refused::Other(error)) => return Err(error),
                Ok(rows) => return Ok(rows.into_iter().flatten().collect()),
            }
        }
    }

    /// Items grouped by the shard of their bucket, one statement a shard, in parallel; `bind` gets the shard's items.
    pub async fn fetch_grouped<I: Sync, O: Row>(
        &self,
        items: &[I],
        bucket_of: impl Fn(&I) -> Bucket + Send + Sync,
        freshness: &ShardFreshness,
        sql: &'static str,
        bind: impl Fn(Binds, &[&I]) -> Binds + Send + Sync,
    ) -> Result<Vec<O>, Error> {
        let mut hold = Hold::new();
        let mut replicas = true;
        loop {
            let map = self.map();
            let Some(groups) = self.group(&map, items, &bucket_of) else {
                hold.on(self, map.generation, Error::BucketUnavailable).await?;
                continue;
            };
            let reads = groups.iter().map(|(shard, revision, items)| {
                let needed = freshness.get(self.cluster(*shard).name()).filter(|_| replicas);
                self.read_shard(*shard, needed, sql, || bind(Binds::default().bind(*revision), items))
            });
            match try_join_all(reads.collect::<Vec<_>>()).await {
                Err(Refused::NotOwned) => {
                    replicas = false;
                    hold.on(self, map.generation, Error::BucketUnavailable).await?;
                }
                Err(Refused::Other(error)) => return Err(error),
                Ok(rows) => return Ok(rows.into_iter().flatten().collect()),
            }
        }
    }

    /// One shard's row, whatever buckets it has: for logs that belong to a shard and move nowhere. From the primary, or a node that is as
    /// good.
    pub async fn fetch_from_shard<O: Row>(&self, shard: &str, sql: &'static str, bind: impl Fn(Binds) -> Binds) -> Result<O, Error> {
        let index = self.names().iter().position(|name| &**name == shard).ok_or(Error::BucketUnavailable)?;
        let reader = self.authority(index, Instant::now() + HOLD).await?;
        let rows = self.run(reader.node, sql, bind(Binds::default())).await?;
        rows.into_iter().next().ok_or(sqlx::Error::RowNotFound.into())
    }

    fn group<'a, I>(
        &self,
        map: &crate::map::Map,
        items: &'a [I],
        bucket_of: &impl Fn(&I) -> Bucket,
    ) -> Option<Vec<(usize, i64, Vec<&'a I>)>> {
        let mut groups: Vec<Vec<&I>> = self.clusters().iter().map(|_| Vec::new()).collect();
        for item in items {
            groups[map.owner(bucket_of(item))?.0].push(item);
        }
        let groups = groups.into_iter().enumerate().filter(|(_, items)| !items.is_empty());
        groups.map(|(shard, items)| Some((shard, map.revision(shard)?, items))).collect()
    }

    /// One statement on one shard: on a replica that has what is needed, else, or when that one fails, on the node that is as good as
    /// the primary.
    async fn read_shard<O: Row>(
        &self,
        shard: usize,
        needed: Option<&Stamp>,
        sql: &'static str,
        bind: impl Fn() -> Binds + Send + Sync,
    ) -> Result<Vec<O>, Refused> {
        let cluster = self.cluster(shard);
        let stamped = needed.filter(|stamp| stamp.shard == *cluster.name());
        let replica = stamped.and_then(|stamp| cluster.at_least(stamp.position));
        let mut reason = if stamped.is_some() { "lagging" } else { "unstamped" };
        if let Some(node) = replica {
            match self.run(node, sql, bind()).await {
                Ok(rows) => {
                    count(cluster.name(), node, "stamped");
                    return Ok(rows);
                }
                Err(error) => tracing::debug!(%error, shard = %cluster.name(), "a replica did not answer: the primary is read"),
            }
            reason = "replica_failed";
        }
        let deadline = Instant::now() + READ_HOLD;
        loop {
            let reader = self.authority(shard, deadline).await.map_err(Refused::Other)?;
            count(cluster.name(), reader.node, if reader.reason == "primary" { reason } else { reader.reason });
            match self.run(reader.node, sql, bind()).await {
                Ok(rows) => return Ok(rows),
                Err(error) if not_owned(&error) => return Err(Refused::NotOwned),
                // A pool may hold connections that died with an older primary: reads can be sent again.
                Err(error) if lost_connection(&error) && Instant::now() < deadline => pause().await,
                Err(error) => return Err(Refused::Other(error.into())),
            }
        }
    }

    async fn run<O: Row>(&self, node: &Node, sql: &'static str, binds: Binds) -> Result<Vec<O>, sqlx::Error> {
        let query = sqlx::query_as_with::<Postgres, O, _>(sql, binds.finish()?);
        bounded(node, self.statement_timeout(), query.fetch_all(node.pool())).await
    }
}

/// Reads per node, and why it was this one: `stamped` is a replica, all others are as good as the primary.
fn count(shard: &ShardName, node: &Node, reason: &'static str) {
    metrics::counter!("database_reads_total", "shard" => shard.to_string(), "node" => node.address().to_owned(), "reason" => reason)
        .increment(1);
}

fn stamp(freshness: &Freshness) -> Option<&Stamp> {
    match freshness {
        Freshness::Primary => None,
        Freshness::AtLeast(stamp) => Some(stamp),
    }
}

enum Refused {
    NotOwned,
    Other(Error),
}

/// Holds a request while the map and the shards disagree: it refreshes the map in steps of 3 to 20 ms, at most [`HOLD`].
pub(crate) struct Hold {
    began: Instant,
}

impl Hold {
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }

    /// Refreshes the map and waits a step; fails with `error` when the time is up. Refused for longer than a move takes, it first
    /// heals what one that was killed left.
    pub async fn on(&mut self, shards: &Shards, seen: u64, error: Error) -> Result<(), Error> {
        let held = self.began.elapsed();
        if held >= HOLD {
            return Err(error);
        }
        if held >= PATIENCE && matches!(error, Error::BucketUnavailable) {
            shards.heal_for_held().await;
        }
        shards.refresh(seen).await;
        pause().await;
        Ok(())
    }
}

pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(rand::random_range(3..=20))).await;
}
