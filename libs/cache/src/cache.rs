use std::{collections::HashMap, fmt::Display, sync::Arc, time::Duration};

use futures_util::future::join_all;
use magnitude_ids::Bucket;
use magnitude_redis::Redis;
use magnitude_sharding::{Freshness, ShardFreshness, Shards};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use crate::{Keyspace, StampSource, Versioned, lease::Lease, read::Entry, repair::Failed, scripts::FILL};

/// Loads at once while Redis is down: the database must not meet the whole load of the cache.
const BULKHEAD: usize = 8;

/// One service's cache.
#[derive(Clone)]
pub struct Cache {
    pub(crate) redis: Redis,
    pub(crate) service: &'static str,
    pub(crate) source: Arc<dyn StampSource>,
    pub(crate) failed: Failed,
    bulkhead: Arc<Semaphore>,
}

/// A missed key's index, and its lease if this reader has it.
type Missed = (usize, Option<Lease>);

impl Cache {
    /// Connects to nothing yet.
    pub fn new(settings: &magnitude_redis::Settings, service: &'static str, shards: Shards) -> anyhow::Result<Self> {
        Self::with_stamps(settings, service, Arc::new(shards))
    }

    pub fn with_stamps(settings: &magnitude_redis::Settings, service: &'static str, source: Arc<dyn StampSource>) -> anyhow::Result<Self> {
        let redis = Redis::new(settings)?;
        Ok(Self { redis, service, source, failed: Failed::default(), bulkhead: Arc::new(Semaphore::new(BULKHEAD)) })
    }

    /// Reads through: the entry, or what `load` finds, which then fills it.
    pub async fn get<T, E, F, Fut>(
        &self,
        keyspace: &Keyspace<T>,
        bucket: Bucket,
        key: impl Display + Send,
        load: F,
    ) -> Result<Option<Arc<T>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: FnOnce(Freshness) -> Fut + Send,
        Fut: Future<Output = Result<Option<Versioned<T>>, E>> + Send,
        E: Send,
    {
        let keys = [(bucket, key.to_string())];
        let load = async |_: Vec<usize>, freshness: ShardFreshness| {
            let stamp = self.source.shard_of(bucket).and_then(|shard| freshness.get(&shard).cloned());
            let found = load(stamp.map_or(Freshness::Primary, Freshness::AtLeast)).await?;
            Ok(found.map(|found| (0, found)).into_iter().collect())
        };
        Ok(self.get_many(keyspace, &keys, load).await?.pop().flatten())
    }

    /// The same for many keys. `load` is called at most once, with the indexes that missed, and answers by index.
    pub async fn get_many<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, keys: &[(Bucket, String)], load: F) -> Result<Vec<Option<Arc<T>>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        F: FnOnce(Vec<usize>, ShardFreshness) -> Fut + Send,
        Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send,
        E: Send,
    {
        let names: Vec<_> = keys.iter().map(|(_, key)| keyspace.key(key)).collect();
        let (mut values, missed) = split(self.read(keyspace, keys, &names).await);
        metrics::counter!("cache_hits_total", "keyspace" => keyspace.name).increment((keys.len() - missed.len()) as u64);
        if missed.is_empty() {
            return Ok(values);
        }
        metrics::counter!("cache_misses_total", "keyspace" => keyspace.name).increment(missed.len() as u64);
        let indexes: Vec<_> = missed.iter().map(|(index, _)| *index).collect();
        let freshness = self.freshness_of(&indexes.iter().map(|index| keys[*index].0).collect::<Vec<_>>()).await;
        let alone = missed.iter().all(|(_, lease)| lease.is_none());
        // Without a lease nobody else's load is spared, so only a few at a time.
        let _turn = if alone { self.bulkhead.acquire().await.ok() } else { None };
        let mut found = match load(indexes.clone(), freshness).await {
            Ok(found) => found,
            Err(error) => {
                join_all(missed.into_iter().filter_map(|(_, lease)| lease).map(Lease::release)).await;
                return Err(error);
            }
        };
        let fills = missed.into_iter().filter_map(|(index, lease)| Some(fill(keyspace, lease?, found.get(&index))));
        join_all(fills).await;
        for index in indexes {
            values[index] = found.remove(&index).map(|loaded| Arc::new(loaded.value));
        }
        Ok(values)
    }

    /// All keys of a bucket live on one node.
    pub(crate) fn node_of(&self, bucket: Bucket) -> usize {
        self.redis.node(&bucket.to_string())
    }

    pub(crate) fn entry(&self, name: &str) -> String {
        self.redis.key(&format!("cache:{}:{name}", self.service))
    }
}

fn split<T>(entries: Vec<Entry<T>>) -> (Vec<Option<Arc<T>>>, Vec<Missed>) {
    let mut missed = Vec::new();
    let values = entries.into_iter().enumerate().map(|(index, entry)| {
        match entry {
            Entry::Value(value) => return Some(value),
            Entry::Nothing => {}
            Entry::Ours(lease) => missed.push((index, Some(lease))),
            Entry::Wait | Entry::Unknown => missed.push((index, None)),
        }
        None
    });
    (values.collect(), missed)
}

async fn fill<T: Serialize>(keyspace: &Keyspace<T>, lease: Lease, loaded: Option<&Versioned<T>>) {
    let payload = loaded.and_then(|loaded| serde_json::to_vec(&loaded.value).ok()).unwrap_or_default();
    // A tenth of jitter, so that what was filled together does not expire together.
    let jitter = rand::random_range(0.9..1.1);
    let (soft, hard) = if loaded.is_some() { (keyspace.soft, keyspace.hard) } else { (keyspace.negative, keyspace.negative) };
    let millis = |life: Duration| u64::try_from(life.mul_f64(jitter).as_millis()).unwrap_or(u64::MAX);
    let version = loaded.map_or(0, |loaded| loaded.version);
    match lease.run(&FILL, (version, payload, millis(soft), millis(hard), i64::from(loaded.is_none()))).await {
        Ok(filled) => {
            lease.forget();
            if filled == 0 {
                metrics::counter!("cache_fills_refused_total", "keyspace" => keyspace.name).increment(1);
            }
        }
        // The lease is dropped and with it given back, should Redis answer again.
        Err(error) => tracing::debug!(%error, "an entry was not filled"),
    }
}
