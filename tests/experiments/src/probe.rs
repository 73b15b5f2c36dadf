//! Writers that go through the services' own router, into whichever buckets are moving: they see how long each batch pauses.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use magnitude_ids::Bucket;
use magnitude_sharding::{Settings, ShardSettings, Shards};
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{
    databases::{Databases, SERVICES},
    load::Latencies,
};

/// Between two writes of a service: the precision with which a pause is seen.
const PAUSE: Duration = Duration::from_millis(5);
/// The same while nothing moves.
const IDLE: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(20);

const MOVING: &str = "select id, buckets from sharding.moves where side = 'source' and step not in ('done', 'aborted')";

pub struct Probe {
    stop: CancellationToken,
    writers: Vec<JoinHandle<Vec<Sample>>>,
    watchers: Vec<JoinHandle<anyhow::Result<()>>>,
    routers: Vec<DropGuard>,
}

/// One write.
#[derive(Clone, Debug)]
struct Sample {
    moving: Option<Uuid>,
    took: Duration,
    failed: Option<String>,
}

/// What all writers saw.
pub struct Pauses {
    /// While nothing moved.
    pub calm: Latencies,
    /// The worst write of each batch.
    pub batches: Latencies,
    pub failed: Vec<String>,
}

/// A batch on its way.
type Moving = Option<(Uuid, Vec<Bucket>)>;

impl Probe {
    /// A router of its own to every service's databases; each writes rows that no client sees.
    pub async fn start(databases: &Databases) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let mut probe = Self { stop: stop.clone(), writers: Vec::new(), watchers: Vec::new(), routers: Vec::new() };
        for service in SERVICES {
            let router = CancellationToken::new();
            let (shards, watch) = Shards::connect(&settings(databases, service)?, &shards(databases), router.clone())?;
            probe.routers.push(router.drop_guard());
            tokio::spawn(watch);
            shards.ready().await?;
            let (tell, moving) = watch::channel(None);
            probe.watchers.push(tokio::spawn(look(databases.clone(), service, tell, stop.clone())));
            probe.writers.push(tokio::spawn(write(shards, moving, stop.clone())));
        }
        Ok(probe)
    }

    pub async fn stop(self) -> anyhow::Result<Pauses> {
        self.stop.cancel();
        let mut samples = Vec::new();
        for writer in self.writers {
            samples.extend(writer.await.context("a probe panicked")?);
        }
        for watcher in self.watchers {
            watcher.await.context("a probe panicked")??;
        }
        drop(self.routers);
        Ok(Pauses::of(&samples))
    }
}

impl Pauses {
    fn of(samples: &[Sample]) -> Self {
        let mut worst: BTreeMap<Uuid, Duration> = BTreeMap::new();
        for sample in samples {
            if let Some(id) = sample.moving {
                let known = worst.entry(id).or_default();
                *known = sample.took.max(*known);
            }
        }
        Self {
            calm: Latencies::of(samples.iter().filter(|sample| sample.moving.is_none()).map(|sample| sample.took)),
            batches: Latencies::of(worst.into_values()),
            failed: samples.iter().filter_map(|sample| sample.failed.clone()).collect(),
        }
    }
}

/// Tells which batch of the service is moving.
async fn look(databases: Databases, service: &'static str, tell: watch::Sender<Moving>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut primaries = Vec::new();
    for shard in 0..databases.shards().len() {
        primaries.push(databases.primary(shard, service).await?);
    }
    while !stop.is_cancelled() {
        let mut found = None;
        for primary in &mut primaries {
            let moving: Option<(Uuid, Vec<i16>)> = sqlx::query_as(MOVING).fetch_optional(primary).await?;
            found = found
                .or(moving.map(|(id, buckets)| (id, buckets.into_iter().filter_map(|bucket| Bucket::try_from(bucket).ok()).collect())));
        }
        tell.send_replace(found);
        sleep(LOOK).await;
    }
    Ok(())
}

async fn write(shards: Shards, moving: watch::Receiver<Moving>, stop: CancellationToken) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !stop.is_cancelled() {
        let now = moving.borrow().clone();
        let drawn = now.as_ref().and_then(|(_, buckets)| buckets.choose(&mut rand::rng()).copied());
        let begun = Instant::now();
        let failed = one(&shards, drawn.unwrap_or_else(Bucket::random)).await.err().map(|error| error.to_string());
        let took = begun.elapsed();
        // A batch that began meanwhile is that of a write which met its fence.
        let met = now.or_else(|| moving.borrow().clone());
        samples.push(Sample { moving: met.map(|(id, _)| id), took, failed });
        sleep(if drawn.is_some() { PAUSE } else { IDLE }).await;
    }
    samples
}

/// Guard, write id, COMMIT.
async fn one(shards: &Shards, bucket: Bucket) -> Result<(), magnitude_sharding::Error> {
    shards.write(bucket).await?.commit().await.map(drop)
}

/// How to reach a service's database as the shards' administrator.
pub fn settings(databases: &Databases, service: &str) -> anyhow::Result<Settings> {
    let (user, password) = databases.credentials();
    Ok(serde_json::from_value(json!({
        "user": user, "name": service, "password": password, "tls": "disable", "connections": 3,
        "connect_timeout_ms": 5_000, "acquire_timeout_ms": 5_000, "statement_timeout_ms": 5_000,
        "poll_interval_ms": 500, "replica_max_lag_ms": 2_000, "write_deadline_ms": 10_000,
    }))?)
}

pub fn shards(databases: &Databases) -> Vec<ShardSettings> {
    let nodes = |(shard, name)| ShardSettings { name, nodes: databases.nodes(shard) };
    databases.shards().into_iter().enumerate().map(nodes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_pauses_as_long_as_its_worst_write() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sample = |moving, took| Sample { moving, took: Duration::from_millis(took), failed: None };
        let pauses = Pauses::of(&[sample(None, 900), sample(Some(one), 3), sample(Some(one), 80), sample(Some(other), 5)]);

        assert_eq!(pauses.batches.worst(), Duration::from_millis(80));
        assert_eq!(pauses.batches.percentile(0.5), Duration::from_millis(5));
        assert_eq!(pauses.calm.worst(), Duration::from_millis(900));
    }
}
