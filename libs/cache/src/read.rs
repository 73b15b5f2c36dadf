use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use magnitude_redis::Down;
use serde::de::DeserializeOwned;

use crate::{
    Cache, Keyspace,
    cache::Led,
    keyspace::Key,
    lease::Lease,
    scripts::{PEEK, READ, REPLACE},
};

/// How long a reader waits for the load of another process before it loads for itself. One whose loader died waits in vain.
const WAIT: Duration = Duration::from_secs(2);

/// What Redis says of one key.
pub(crate) enum Entry<T> {
    /// Nothing where there is no such thing.
    Cached { value: Option<Arc<T>>, version: i64, bytes: usize },
    /// Due for a refresh, which this reader is to make.
    Stale { value: Arc<T>, version: i64, lease: Lease },
    /// This reader is to load and fill.
    Ours(Lease),
    /// Redis is not to be asked, or its value not to be believed.
    Unknown,
}

/// A state, a payload, 1 for "there is no such thing", and a version.
type Answer = (String, Vec<u8>, i64, i64);

impl Cache {
    /// Reads entries, and waits a moment for those that another process is loading.
    pub(crate) async fn read<T>(&self, keyspace: &Keyspace<T>, keys: &[Key], led: &[Led]) -> Vec<Entry<T>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut entries: Vec<Option<Entry<T>>> = led.iter().map(|_| None).collect();
        let deadline = Instant::now() + WAIT;
        let mut pause = Duration::from_millis(2);
        loop {
            let waiting: Vec<_> = (0..led.len()).filter(|place| entries[*place].is_none()).collect();
            for (place, entry) in self.ask(keyspace, keys, led, waiting).await {
                entries[place] = entry;
            }
            if entries.iter().all(Option::is_some) || Instant::now() >= deadline {
                return entries.into_iter().map(|entry| entry.unwrap_or(Entry::Unknown)).collect();
            }
            metrics::counter!("cache_waits_total", "keyspace" => keyspace.name).increment(1);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// One round trip a node, to all of them at once; two where some of its keys are hot. Nothing for a key that another process is loading.
    async fn ask<T>(
        &self,
        keyspace: &Keyspace<T>,
        keys: &[Key],
        led: &[Led],
        places: Vec<usize>,
    ) -> impl Iterator<Item = (usize, Option<Entry<T>>)> + use<T>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut groups: HashMap<(usize, bool), Vec<usize>> = HashMap::new();
        for place in places {
            let Led { index, hot, .. } = led[place];
            groups.entry((self.node_of(keys[index].bucket), hot)).or_default().push(place);
        }
        let asked = groups.into_iter().map(async |((node, hot), places)| {
            let wanted: Vec<_> = places.iter().map(|place| &keys[led[*place].index]).collect();
            places.into_iter().zip(self.ask_node(keyspace, node, hot, &wanted).await).collect::<Vec<_>>()
        });
        join_all(asked).await.into_iter().flatten()
    }

    async fn ask_node<T>(&self, keyspace: &Keyspace<T>, node: usize, hot: bool, keys: &[&Key]) -> Vec<Option<Entry<T>>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let token: Arc<str> = format!("{:016x}", rand::random::<u64>()).into();
        let owned = keyspace.owner == self.service;
        let asked = |key: &&Key| if owned { Lease::asked(&self.redis, node, key.redis.clone(), &token) } else { Lease::none() };
        let leases: Vec<_> = keys.iter().map(asked).collect();
        let script = if owned { &READ } else { &PEEK };
        let names: Vec<_> = keys.iter().map(|key| key.redis.as_str()).collect();
        let node = &self.redis.nodes()[node];
        let answers = if hot {
            node.script_tracked::<Vec<Answer>>(script, &names, &token).await
        } else {
            let mut read = script.prepare_invoke();
            for name in &names {
                read.key(name);
            }
            read.arg(&*token);
            node.script(&read).await
        };
        match answers {
            Ok(answers) if answers.len() == keys.len() => {
                let believed =
                    keys.iter().zip(answers).zip(leases).map(|((key, answer), lease)| self.believe(keyspace, key.name(), answer, lease));
                join_all(believed).await
            }
            Ok(_) => {
                leases.into_iter().for_each(Lease::forget);
                keys.iter().map(|_| Some(Entry::Unknown)).collect()
            }
            Err(error) => {
                not_answered(&error, leases);
                keys.iter().map(|_| Some(Entry::Unknown)).collect()
            }
        }
    }

    async fn believe<T: DeserializeOwned>(&self, keyspace: &Keyspace<T>, name: &str, answer: Answer, lease: Lease) -> Option<Entry<T>> {
        let (state, payload, negative, version) = answer;
        let bytes = payload.len();
        let held = self.failed.holds(name);
        match state.as_str() {
            // Granted also where a void is still to be told: the stamps of that write are held as well, so the load reads the primary.
            "miss" => Some(Entry::Ours(lease)),
            "stale" => match serde_json::from_slice(&payload) {
                Ok(value) if !held && negative == 0 => Some(Entry::Stale { value: Arc::new(value), version, lease }),
                _ => Some(Entry::Ours(lease)),
            },
            "fresh" if held => {
                lease.forget();
                Some(Entry::Unknown)
            }
            "fresh" if negative == 1 => {
                lease.forget();
                Some(Entry::Cached { value: None, version, bytes })
            }
            "fresh" => match serde_json::from_slice(&payload) {
                Ok(value) => {
                    lease.forget();
                    Some(Entry::Cached { value: Some(Arc::new(value)), version, bytes })
                }
                Err(_) => self.replace(keyspace, payload, lease).await,
            },
            "wait" if !held => {
                lease.forget();
                None
            }
            _ => {
                lease.forget();
                Some(Entry::Unknown)
            }
        }
    }

    /// Another release wrote the payload, or something else: it goes, and one reader loads it anew. Left to expire, it would send
    /// every reader to the database until then. What another service owns is its to replace.
    async fn replace<T>(&self, keyspace: &Keyspace<T>, payload: Vec<u8>, lease: Lease) -> Option<Entry<T>> {
        metrics::counter!("cache_undecodable_total", "keyspace" => keyspace.name).increment(1);
        if keyspace.owner != self.service {
            lease.forget();
            return Some(Entry::Unknown);
        }
        match lease.run(&REPLACE, payload).await {
            Ok(1) => Some(Entry::Ours(lease)),
            Ok(_) => {
                lease.forget();
                None
            }
            Err(error) => {
                not_answered(&error, vec![lease]);
                Some(Entry::Unknown)
            }
        }
    }
}

/// What came too late may still have granted leases, so those are given back.
fn not_answered(error: &Down, leases: Vec<Lease>) {
    tracing::debug!(%error, "the cache did not answer: the database is read");
    if !matches!(error, Down::Late) {
        leases.into_iter().for_each(Lease::forget);
    }
}
