use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use magnitude_ids::Bucket;
use magnitude_redis::Down;
use serde::de::DeserializeOwned;

use crate::{
    Cache, Keyspace,
    lease::Lease,
    scripts::{READ, REPLACE},
};

/// How long a reader waits for another's load before it loads for itself.
const WAIT: Duration = Duration::from_millis(200);

/// What Redis says of one key.
pub(crate) enum Entry<T> {
    Value(Arc<T>),
    Nothing,
    /// This reader is to load and fill.
    Ours(Lease),
    Wait,
    /// Redis is not to be asked, or its value not to be believed.
    Unknown,
}

/// A state, a payload, and 1 for "there is no such thing".
type Answer = (String, Vec<u8>, i64);

impl Cache {
    /// Reads entries, and waits a moment for those that somebody else is loading.
    pub(crate) async fn read<T>(&self, keyspace: &Keyspace<T>, keys: &[(Bucket, String)], names: &[String]) -> Vec<Entry<T>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut entries: Vec<Entry<T>> = keys.iter().map(|_| Entry::Wait).collect();
        let deadline = Instant::now() + WAIT;
        let mut pause = Duration::from_millis(2);
        loop {
            let waiting: Vec<_> = (0..entries.len()).filter(|index| matches!(entries[*index], Entry::Wait)).collect();
            for (index, entry) in self.ask(keyspace, keys, names, waiting).await {
                entries[index] = entry;
            }
            if !entries.iter().any(|entry| matches!(entry, Entry::Wait)) || Instant::now() >= deadline {
                return entries;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// One round trip a node, to all of them at once.
    async fn ask<T>(
        &self,
        keyspace: &Keyspace<T>,
        keys: &[(Bucket, String)],
        names: &[String],
        indexes: Vec<usize>,
    ) -> impl Iterator<Item = (usize, Entry<T>)>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let mut by_node: HashMap<usize, Vec<usize>> = HashMap::new();
        for index in indexes {
            by_node.entry(self.node_of(keys[index].0)).or_default().push(index);
        }
        let asked = join_all(by_node.into_iter().map(|(node, indexes)| self.ask_node(keyspace, node, names, indexes)));
        asked.await.into_iter().flatten()
    }

    async fn ask_node<T>(&self, keyspace: &Keyspace<T>, node: usize, names: &[String], indexes: Vec<usize>) -> Vec<(usize, Entry<T>)>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let token: Arc<str> = format!("{:016x}", rand::random::<u64>()).into();
        let mut read = READ.prepare_invoke();
        let mut leases = Vec::with_capacity(indexes.len());
        for index in &indexes {
            let key = self.entry(&names[*index]);
            read.key(&key);
            leases.push(Lease::asked(&self.redis, node, key, &token));
        }
        read.arg(&*token);
        let answers = match self.redis.nodes()[node].script::<Vec<Answer>>(&read).await {
            Ok(answers) => answers,
            Err(error) => {
                not_answered(&error, leases);
                return indexes.into_iter().map(|index| (index, Entry::Unknown)).collect();
            }
        };
        let entries = indexes.iter().zip(answers).zip(leases);
        let entries = join_all(entries.map(|((index, answer), lease)| self.believe(keyspace, &names[*index], answer, lease))).await;
        indexes.into_iter().zip(entries).collect()
    }

    async fn believe<T: DeserializeOwned>(&self, keyspace: &Keyspace<T>, name: &str, answer: Answer, lease: Lease) -> Entry<T> {
        let (state, payload, negative) = answer;
        // Granted also where a void is still to be told: the stamps of that write are held as well, so the load reads the primary.
        if state == "stale" || state == "miss" {
            return Entry::Ours(lease);
        }
        if state == "fresh" && negative == 0 && !self.failed.holds(name) {
            return match serde_json::from_slice(&payload) {
                Ok(value) => {
                    lease.forget();
                    Entry::Value(Arc::new(value))
                }
                Err(_) => self.replace(keyspace, payload, lease).await,
            };
        }
        lease.forget();
        match state.as_str() {
            _ if self.failed.holds(name) => Entry::Unknown,
            "fresh" => Entry::Nothing,
            "wait" => Entry::Wait,
            _ => Entry::Unknown,
        }
    }

    /// Another release wrote the payload, or something else: it goes, and one reader loads it anew. Left to expire, it would send
    /// every reader to the database until then.
    async fn replace<T>(&self, keyspace: &Keyspace<T>, payload: Vec<u8>, lease: Lease) -> Entry<T> {
        metrics::counter!("cache_undecodable_total", "keyspace" => keyspace.name).increment(1);
        match lease.run(&REPLACE, payload).await {
            Ok(1) => Entry::Ours(lease),
            Ok(_) => {
                lease.forget();
                Entry::Wait
            }
            Err(error) => {
                not_answered(&error, vec![lease]);
                Entry::Unknown
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
