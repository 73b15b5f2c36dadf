use std::{
    collections::HashMap,
    fmt::Display,
    sync::Arc,
    time::{Duration, Instant},
};

use magnitude_ids::Bucket;
use magnitude_redis::Redis;
use magnitude_sharding::{Freshness, ShardFreshness, Shards};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use crate::{
    Keyspace, StampSource, Versioned,
    repair::Failed,
    scripts::{FILL, READ},
};

/// How long a reader waits for another's load before it loads for itself.
const WAIT: Duration = Duration::from_millis(200);
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

/// What Redis says of one key.
enum Entry {
    Value(Vec<u8>),
    Nothing,
    /// This reader is to load and fill, with the token of its lease.
    Ours(String),
    Wait,
    /// Redis is not to be asked, or its value not to be believed.
    Unknown,
}

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
        let mut values: Vec<Option<Arc<T>>> = vec![None; keys.len()];
        let mut missing: Vec<(usize, Option<String>)> = Vec::new();
        for (index, entry) in self.read(keys, &names).await.into_iter().enumerate() {
            match entry {
                Entry::Nothing => {}
                Entry::Value(payload) => match serde_json::from_slice(&payload) {
                    Ok(value) => values[index] = Some(Arc::new(value)),
                    // Written by another release: loaded again, and left to expire.
                    Err(_) => missing.push((index, None)),
                },
                Entry::Ours(token) => missing.push((index, Some(token))),
                Entry::Wait | Entry::Unknown => missing.push((index, None)),
            }
        }
        metrics::counter!("cache_hits_total", "keyspace" => keyspace.name).increment((keys.len() - missing.len()) as u64);
        if missing.is_empty() {
            return Ok(values);
        }
        metrics::counter!("cache_misses_total", "keyspace" => keyspace.name).increment(missing.len() as u64);
        let buckets: Vec<_> = missing.iter().map(|(index, _)| keys[*index].0).collect();
        let freshness = self.freshness_of(&buckets).await;
        let alone = missing.iter().all(|(_, token)| token.is_none());
        // Without a lease nobody else's load is spared, so only a few at a time.
        let _turn = if alone { self.bulkhead.acquire().await.ok() } else { None };
        let mut found = load(missing.iter().map(|(index, _)| *index).collect(), freshness).await?;
        for (index, token) in missing {
            let loaded = found.remove(&index);
            if let Some(token) = token {
                self.fill(keyspace, keys[index].0, &names[index], &token, loaded.as_ref()).await;
            }
            values[index] = loaded.map(|loaded| Arc::new(loaded.value));
        }
        Ok(values)
    }

    /// Reads entries, and waits a moment for those that somebody else is loading.
    async fn read(&self, keys: &[(Bucket, String)], names: &[String]) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.ask(keys, names, &(0..keys.len()).collect::<Vec<_>>()).await;
        let deadline = Instant::now() + WAIT;
        let mut pause = Duration::from_millis(2);
        loop {
            let waiting: Vec<_> = (0..entries.len()).filter(|index| matches!(entries[*index], Entry::Wait)).collect();
            if waiting.is_empty() || Instant::now() >= deadline {
                return entries;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
            for (index, entry) in waiting.iter().zip(self.ask(keys, names, &waiting).await) {
                entries[*index] = entry;
            }
        }
    }

    /// One round trip a node.
    async fn ask(&self, keys: &[(Bucket, String)], names: &[String], indexes: &[usize]) -> Vec<Entry> {
        let token = format!("{:016x}", rand::random::<u64>());
        let mut by_node: HashMap<usize, Vec<usize>> = HashMap::new();
        for (position, index) in indexes.iter().enumerate() {
            by_node.entry(self.node_of(keys[*index].0)).or_default().push(position);
        }
        let mut entries: Vec<Entry> = indexes.iter().map(|_| Entry::Unknown).collect();
        for (node, positions) in by_node {
            let mut read = READ.prepare_invoke();
            for position in &positions {
                read.key(self.entry(&names[indexes[*position]]));
            }
            read.arg(&token);
            match self.redis.nodes()[node].script::<Vec<(String, Vec<u8>, i64)>>(&read).await {
                Ok(answers) => {
                    for (position, (state, payload, negative)) in positions.into_iter().zip(answers) {
                        if !self.failed.holds(&names[indexes[position]]) {
                            entries[position] = Entry::of(&state, payload, negative == 1, &token);
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "the cache did not answer: the database is read"),
            }
        }
        entries
    }

    async fn fill<T: Serialize>(&self, keyspace: &Keyspace<T>, bucket: Bucket, name: &str, token: &str, loaded: Option<&Versioned<T>>) {
        let payload = loaded.and_then(|loaded| serde_json::to_vec(&loaded.value).ok()).unwrap_or_default();
        // A tenth of jitter, so that what was filled together does not expire together.
        let jitter = rand::random_range(0.9..1.1);
        let (soft, hard) = if loaded.is_some() { (keyspace.soft, keyspace.hard) } else { (keyspace.negative, keyspace.negative) };
        let millis = |life: Duration| u64::try_from(life.mul_f64(jitter).as_millis()).unwrap_or(u64::MAX);
        let mut fill = FILL.prepare_invoke();
        fill.key(self.entry(name)).arg(token).arg(loaded.map_or(0, |loaded| loaded.version)).arg(payload);
        fill.arg(millis(soft)).arg(millis(hard)).arg(i64::from(loaded.is_none()));
        match self.redis.nodes()[self.node_of(bucket)].script::<i64>(&fill).await {
            Ok(1) => {}
            Ok(_) => metrics::counter!("cache_fills_refused_total", "keyspace" => keyspace.name).increment(1),
            Err(error) => tracing::debug!(%error, "an entry was not filled"),
        }
    }

    /// All keys of a bucket live on one node.
    pub(crate) fn node_of(&self, bucket: Bucket) -> usize {
        self.redis.node(&bucket.to_string())
    }

    pub(crate) fn entry(&self, name: &str) -> String {
        self.redis.key(&format!("cache:{}:{name}", self.service))
    }
}

impl Entry {
    fn of(state: &str, payload: Vec<u8>, negative: bool, token: &str) -> Self {
        match state {
            "fresh" if negative => Self::Nothing,
            "fresh" => Self::Value(payload),
            "stale" | "miss" => Self::Ours(token.to_owned()),
            "wait" => Self::Wait,
            _ => Self::Unknown,
        }
    }
}
