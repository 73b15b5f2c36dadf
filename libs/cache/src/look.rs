//! What each layer holds, for who checks it: nothing is loaded, leased or waited for.

use std::{sync::Arc, time::Instant};

use magnitude_ids::Bucket;
use serde::de::DeserializeOwned;

use crate::{Cache, Keyspace, scripts::PEEK};

impl Cache {
    /// What Redis would answer with, if it would; nothing in it stands for "there is no such thing".
    pub async fn look<T: DeserializeOwned>(&self, keyspace: &Keyspace<T>, bucket: Bucket, key: &str) -> anyhow::Result<Option<Option<T>>> {
        let key = self.key(keyspace, bucket, key);
        let mut peek = PEEK.prepare_invoke();
        peek.key(&key.redis);
        let answers: Vec<(String, Vec<u8>, i64, i64)> = self.redis.nodes()[self.node_of(bucket)].script(&peek).await?;
        match answers.into_iter().next() {
            Some((state, _, 1, _)) if state == "fresh" => Ok(Some(None)),
            Some((state, payload, _, _)) if state == "fresh" => Ok(Some(Some(serde_json::from_slice(&payload)?))),
            _ => Ok(None),
        }
    }

    /// What this process would answer with, if it would; not a copy that outlives a change of its key, as those of an enduring keyspace may.
    pub fn copied<T: Send + Sync + 'static>(&self, keyspace: &Keyspace<T>, bucket: Bucket, key: &str) -> Option<Option<Arc<T>>> {
        let key = self.key(keyspace, bucket, key);
        let seen = self.hot.get_current(&key.redis, key.hash, Instant::now())?;
        Some(seen.value.and_then(|value| value.downcast().ok()))
    }
}
