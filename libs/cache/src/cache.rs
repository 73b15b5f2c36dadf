use std::{collections::HashMap, fmt::Display, ops::Deref, sync::Arc, time::Instant};

use futures_util::{StreamExt, stream::FuturesUnordered};
use magnitude_ids::Bucket;
use magnitude_redis::{Listener, Redis};
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Keyspace, StampSource, Versioned,
    bulkhead::Bulkhead,
    flights::{Flight, Flights, Joined, Turn},
    hot::{Layer, Seen},
    keyspace::Key,
    recording::Recording,
    repair::Failed,
};

/// Payload bytes that the copies in the process may hold.
const COPIES: usize = 32 << 20;
/// How many turns that came at once are led together.
const TOGETHER: usize = 128;

/// One service's cache. Cloned several times a request, so what does not change is shared.
#[derive(Clone)]
pub struct Cache {
    pub(crate) shared: Arc<Shared>,
    pub(crate) skips_copies: bool,
    pub(crate) bypassed: bool,
    pub(crate) untold: fn(),
    pub(crate) recording: Option<Recording>,
}

/// What all clones of a cache share.
pub struct Shared {
    pub(crate) redis: Redis,
    pub(crate) service: &'static str,
    pub(crate) source: Arc<dyn StampSource>,
    pub(crate) failed: Failed,
    pub(crate) bulkhead: Bulkhead,
    pub(crate) flights: Flights,
    pub(crate) hot: Arc<Layer>,
}

impl Deref for Cache {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// A key that this reader asks for, by its index.
pub(crate) struct Led {
    pub index: usize,
    pub flight: Flight,
    pub hot: bool,
}

impl Cache {
    /// Connects to nothing yet.
    pub fn new(settings: &magnitude_redis::Settings, service: &'static str, shards: Shards) -> anyhow::Result<Self> {
        Self::with_stamps(settings, service, Arc::new(shards))
    }

    pub fn with_stamps(settings: &magnitude_redis::Settings, service: &'static str, source: Arc<dyn StampSource>) -> anyhow::Result<Self> {
        let redis = Redis::new(settings)?;
        let hot = Arc::new(Layer::new(COPIES));
        let listener: Arc<dyn Listener> = hot.generations.clone();
        redis.listen(&listener);
        let (failed, bulkhead, flights) = (Failed::default(), Bulkhead::new(), Flights::default());
        let shared = Arc::new(Shared { redis, service, source, failed, bulkhead, flights, hot });
        Ok(Self { shared, skips_copies: false, bypassed: false, untold: || {}, recording: None })
    }

    /// Calls `untold` when a write could not be told to Redis, in the task of the request that wrote.
    #[must_use]
    pub fn on_untold(self, untold: fn()) -> Self {
        Self { untold, ..self }
    }

    /// Reads through: the entry, or what `load` finds, which then fills it. A load must not read the same key.
    pub async fn get<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, bucket: Bucket, key: impl Display, load: F) -> Result<Option<Arc<T>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Freshness) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Option<Versioned<T>>, E>> + Send,
        E: From<Error> + Send,
    {
        let keys = [(bucket, key.to_string())];
        let load = async |_: Vec<usize>, freshness: ShardFreshness| {
            let stamp = self.source.shard_of(bucket).and_then(|shard| freshness.get(&shard).cloned());
            let found = load(stamp.map_or(Freshness::Primary, Freshness::AtLeast)).await?;
            Ok::<_, E>(found.map(|found| (0, found)).into_iter().collect())
        };
        Ok(self.get_many(keyspace, &keys, load).await?.pop().flatten())
    }

    /// The same for many keys. `load` is called with the indexes that missed, and answers by index.
    pub async fn get_many<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, keys: &[(Bucket, String)], load: F) -> Result<Vec<Option<Arc<T>>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<usize>, ShardFreshness) -> Fut + Send + Sync,
        Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send,
        E: From<Error> + Send,
    {
        let load = async |missed: Vec<usize>| {
            // After the lease was granted: a stamp that is read now is of every write whose void came before.
            let freshness = self.freshness_of(&missed.iter().map(|index| keys[*index].0).collect::<Vec<_>>()).await;
            load(missed, freshness).await
        };
        self.through(keyspace, keys, load).await
    }

    /// Reads what another service owns and has cached; `ask` asks it for the rest, by index, and nothing of that is kept here.
    pub async fn peek_many<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, keys: &[(Bucket, String)], ask: F) -> Result<Vec<Option<Arc<T>>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<usize>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<HashMap<usize, T>, E>> + Send,
        E: From<Error> + Send,
    {
        let ask = async |missed: Vec<usize>| {
            let told = ask(missed).await?;
            Ok::<_, E>(told.into_iter().map(|(index, value)| (index, Versioned::unversioned(value))).collect())
        };
        self.through(keyspace, keys, ask).await
    }

    /// Reads through, where `load` itself finds out how fresh its source must be.
    pub(crate) async fn through<T, E, F, Fut>(
        &self,
        keyspace: &Keyspace<T>,
        keys: &[(Bucket, String)],
        load: F,
    ) -> Result<Vec<Option<Arc<T>>>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<usize>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send,
        E: From<Error> + Send,
    {
        if self.bypassed {
            let mut loaded = load((0..keys.len()).collect()).await?;
            return Ok((0..keys.len()).map(|index| loaded.remove(&index).map(|loaded| Arc::new(loaded.value))).collect());
        }
        let keys: Vec<_> = keys.iter().map(|(bucket, key)| self.key(keyspace, *bucket, key)).collect();
        let mut seen: Vec<Option<Seen>> = vec![None; keys.len()];
        let (mut led, waiting) = (Vec::new(), FuturesUnordered::new());
        for (index, key) in keys.iter().enumerate() {
            let now = Instant::now();
            let hot = self.hot.is_hot(key.hash, now) || self.recording.as_ref().is_some_and(|recording| recording.hot);
            seen[index] = self.copy(key, now);
            if seen[index].is_some() {
                continue;
            }
            match self.flights.join(&key.redis) {
                Joined::Leads(flight) => led.push(Led { index, flight, hot }),
                Joined::Waits(turn) => waiting.push(async move { (index, hot, turn.await) }),
            }
        }
        count(keyspace, "process", seen.iter().flatten().count());
        for (index, found) in self.lead(keyspace, &keys, led, &load).await? {
            seen[index] = Some(found);
        }
        // All that this reader leads is answered before it waits: two that wait for each other's keys would never end.
        let mut turns = waiting.ready_chunks(TOGETHER);
        while let Some(turns) = turns.next().await {
            let mut led = Vec::new();
            for (index, hot, turn) in turns {
                match turn {
                    Ok(Turn::Seen(found)) => seen[index] = Some(found),
                    Ok(Turn::Lead(flight)) => led.push(Led { index, flight, hot }),
                    Ok(Turn::Failed) | Err(_) => return Err(Error::Unavailable.into()),
                }
            }
            for (index, found) in self.lead(keyspace, &keys, led, &load).await? {
                seen[index] = Some(found);
            }
        }
        Ok(seen.into_iter().map(|seen| self.value(&seen?)).collect())
    }

    /// The copy of this process, unless it is not to be believed.
    fn copy(&self, key: &Key, now: Instant) -> Option<Seen> {
        if self.skips_copies || self.failed.holds(key.name()) {
            return None;
        }
        self.hot.get(&key.redis, key.hash, now)
    }

    fn value<T: Send + Sync + 'static>(&self, seen: &Seen) -> Option<Arc<T>> {
        if let Some(recording) = &self.recording {
            recording.add(seen);
        }
        // Keys hold the keyspace's name, so another type is there only if two keyspaces have one.
        seen.value.clone()?.downcast().ok()
    }

    pub(crate) fn key<T>(&self, keyspace: &Keyspace<T>, bucket: Bucket, key: &str) -> Key {
        // One allocation: a page of twenty articles asks for a hundred keys.
        let parts = [self.redis.prefix(), "cache:", keyspace.owner, ":", keyspace.name, ":", key];
        let redis = parts.concat();
        let name_at = redis.len() - key.len() - 1 - keyspace.name.len();
        Key { bucket, hash: self.hot.generations.hash(redis.as_bytes()), redis, name_at }
    }

    /// All keys of a bucket live on one node.
    pub(crate) fn node_of(&self, bucket: Bucket) -> usize {
        self.redis.node(&bucket.to_string())
    }

    pub(crate) fn entry(&self, owner: &str, name: &str) -> String {
        self.redis.key(&format!("cache:{owner}:{name}"))
    }
}

/// Hits of each layer.
pub(crate) fn count<T>(keyspace: &Keyspace<T>, layer: &'static str, hits: usize) {
    if hits > 0 {
        metrics::counter!("cache_hits_total", "keyspace" => keyspace.name, "layer" => layer).increment(hits as u64);
    }
}
