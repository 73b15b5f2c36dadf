//! What the one reader of a key does for all: asks Redis, loads what is missing, fills.

use std::{
    any::Any,
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use magnitude_sharding::Error;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    Cache, Keyspace, Versioned,
    cache::{Led, count},
    flights::Flight,
    hot::{Part, Seen},
    keyspace::Key,
    lease::Lease,
    read::Entry,
    scripts::FILL,
};

/// A larger payload is not cached: one entry must not push out thousands.
const LARGEST: usize = 1 << 20;

/// What Redis did not have.
struct Missed {
    index: usize,
    part: Part,
    lease: Option<Lease>,
    /// What it had, if that only waits for its refresh; all who waited for it have it already.
    stale: Option<Seen>,
    flight: Option<Flight>,
}

impl Cache {
    /// Answers those that wait for these keys, and returns what was seen of each.
    pub(crate) async fn lead<T, E, F, Fut>(
        &self,
        keyspace: &Keyspace<T>,
        keys: &[Key],
        led: Vec<Led>,
        load: &F,
    ) -> Result<Vec<(usize, Seen)>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn(Vec<usize>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send,
        E: From<Error> + Send,
    {
        if led.is_empty() {
            return Ok(Vec::new());
        }
        let asked = Instant::now();
        let part = |led: &Led| {
            let hash = keys[led.index].hash;
            // Those that skip the copies would read anew whatever did not change.
            let endures = keyspace.enduring && led.hot && !self.skips_copies && self.hot.is_rushed(hash, asked);
            Part { generation: self.hot.generations.of(hash), asked, tracked: led.hot, endures }
        };
        let parts: Vec<_> = led.iter().map(part).collect();
        let entries = self.read(keyspace, keys, &led).await;
        let (mut seen, mut missed) = (Vec::with_capacity(led.len()), Vec::new());
        for ((led, part), entry) in led.into_iter().zip(parts).zip(entries) {
            let (index, flight) = (led.index, led.flight);
            match entry {
                Entry::Cached { value, version, bytes } => {
                    let found = seen_of(&keys[index], value.map(erase), version, part);
                    if part.tracked {
                        self.hot.keep(&keys[index].redis, keys[index].hash, found.clone(), bytes);
                    }
                    flight.answer(&found);
                    seen.push((index, found));
                }
                Entry::Stale { value, version, lease } => {
                    let stale = seen_of(&keys[index], Some(erase(value)), version, Part { tracked: false, ..part });
                    flight.answer(&stale);
                    missed.push(Missed { index, part, lease: Some(lease), stale: Some(stale), flight: None });
                }
                Entry::Ours(lease) => missed.push(Missed { index, part, lease: Some(lease), stale: None, flight: Some(flight) }),
                Entry::Unknown => missed.push(Missed { index, part, lease: None, stale: None, flight: Some(flight) }),
            }
        }
        count(keyspace, "redis", seen.len());
        if !missed.is_empty() {
            seen.extend(self.load(keyspace, keys, missed, load).await?);
        }
        Ok(seen)
    }

    async fn load<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, keys: &[Key], missed: Vec<Missed>, load: &F) -> Result<Vec<(usize, Seen)>, E>
    where
        T: Serialize + Send + Sync + 'static,
        F: Fn(Vec<usize>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send,
        E: From<Error> + Send,
    {
        metrics::counter!("cache_loads_total", "keyspace" => keyspace.name).increment(missed.len() as u64);
        let loaded = async {
            // Without a lease nobody else's load is spared, so only a few at a time. What others own they share out themselves.
            let alone = keyspace.owner == self.service && missed.iter().all(|missed| missed.lease.is_none());
            let _turn = if alone { Some(self.bulkhead.turn().await?) } else { None };
            load(missed.iter().map(|missed| missed.index).collect()).await
        };
        match loaded.await {
            Ok(mut found) => {
                let filled = missed.into_iter().map(|missed| {
                    let loaded = found.remove(&missed.index);
                    async { (missed.index, self.fill(keyspace, &keys[missed.index], missed, loaded).await) }
                });
                Ok(join_all(filled).await)
            }
            Err(error) => give_up(missed, error).await,
        }
    }

    async fn fill<T: Serialize + Send + Sync + 'static>(
        &self,
        keyspace: &Keyspace<T>,
        key: &Key,
        missed: Missed,
        loaded: Option<Versioned<T>>,
    ) -> Seen {
        let payload = loaded.as_ref().and_then(|loaded| serde_json::to_vec(&loaded.value).ok()).unwrap_or_default();
        let version = loaded.as_ref().map_or(0, |loaded| loaded.version.unwrap_or_else(|| version_of(&payload)));
        let bytes = payload.len();
        // Not tracked: it was not read from Redis, which will tell of nothing.
        let part = Part { tracked: false, ..missed.part };
        let is_there = loaded.is_some();
        let mut seen = seen_of(key, loaded.map(|loaded| erase(Arc::new(loaded.value))), version, part);
        if keyspace.owner != self.service {
            // The owner told the value, not its version.
            seen.tag = None;
        }
        if part.endures {
            // A fill would be refused: the next void comes while the load is under way.
            self.hot.keep(&key.redis, key.hash, seen.clone(), bytes);
        }
        if let Some(lease) = missed.lease {
            write(keyspace, lease, version, payload, is_there).await;
        }
        if let Some(flight) = missed.flight {
            flight.answer(&seen);
        }
        seen
    }
}

/// A load that failed leaves what is stale as it is: it was not voided, so it is only due.
async fn give_up<E>(missed: Vec<Missed>, error: E) -> Result<Vec<(usize, Seen)>, E> {
    let mut seen = Vec::with_capacity(missed.len());
    let (mut leases, mut lacking) = (Vec::new(), false);
    for missed in missed {
        leases.extend(missed.lease);
        if let Some(flight) = missed.flight {
            flight.fail();
        }
        match missed.stale {
            Some(stale) => seen.push((missed.index, stale)),
            None => lacking = true,
        }
    }
    join_all(leases.into_iter().map(Lease::release)).await;
    if lacking { Err(error) } else { Ok(seen) }
}

async fn write<T>(keyspace: &Keyspace<T>, lease: Lease, version: i64, payload: Vec<u8>, is_there: bool) {
    if payload.len() > LARGEST {
        metrics::counter!("cache_too_large_total", "keyspace" => keyspace.name).increment(1);
        return lease.release().await;
    }
    // A tenth of jitter, so that what was filled together does not expire together.
    let jitter = rand::random_range(0.9..1.1);
    let (soft, hard) = if is_there { (keyspace.soft, keyspace.hard) } else { (keyspace.negative, keyspace.negative) };
    let millis = |life: Duration| u64::try_from(life.mul_f64(jitter).as_millis()).unwrap_or(u64::MAX);
    match lease.run(&FILL, (version, payload, millis(soft), millis(hard), i64::from(!is_there))).await {
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

fn erase<T: Send + Sync + 'static>(value: Arc<T>) -> Arc<dyn Any + Send + Sync> {
    value
}

fn seen_of(key: &Key, value: Option<Arc<dyn Any + Send + Sync>>, version: i64, part: Part) -> Seen {
    let state = Sha256::new().chain_update(key.name()).chain_update([0, u8::from(value.is_some())]).chain_update(version.to_le_bytes());
    Seen { value, tag: Some(first_u64(&state.finalize())), part }
}

/// Of what has no version of its own: the same for the same payload.
fn version_of(payload: &[u8]) -> i64 {
    // Lua's numbers are exact up to 2^53.
    (first_u64(&Sha256::digest(payload)) >> 11).cast_signed()
}

fn first_u64(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
