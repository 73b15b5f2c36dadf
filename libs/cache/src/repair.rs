use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use magnitude_ids::Bucket;
use magnitude_redis::{Down, Listener};
use magnitude_sharding::{Committed, ShardName, Stamp};
use tokio_util::sync::CancellationToken;

use crate::{
    Cache, Void,
    scripts::{RAISE, VOID},
};

/// More failed writes than this are not kept: the caches' times to live end what they left.
const KEPT: usize = 100_000;
const AGAIN: Duration = Duration::from_millis(200);

/// What could not be told to Redis yet.
#[derive(Clone, Default)]
pub(crate) struct Failed(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    writes: Vec<(Option<Committed>, Vec<Void>)>,
    keys: HashSet<String>,
}

impl Failed {
    fn keep(&self, committed: Option<Committed>, voids: Vec<Void>, stamps: Vec<String>) {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        if state.writes.len() < KEPT {
            state.keys.extend(voids.iter().map(|void| void.key.clone()));
            state.keys.extend(stamps);
            state.writes.push((committed, voids));
        }
    }

    fn take(&self) -> Vec<(Option<Committed>, Vec<Void>)> {
        std::mem::take(&mut self.0.lock().expect("no holder of this lock panics").writes)
    }

    fn settle(&self) {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        if state.writes.is_empty() {
            state.keys.clear();
        }
    }

    /// Whether this process knows the cached value of a key to be old.
    pub fn holds(&self, key: &str) -> bool {
        self.0.lock().expect("no holder of this lock panics").keys.contains(key)
    }
}

impl Cache {
    /// Call after COMMIT and before the answer: raises the stamps of bucket and shard, and voids. A failure does not fail the write:
    /// it is counted, and repeated until Redis was told.
    pub async fn wrote(&self, committed: &Committed, voids: &[Void]) {
        if let Err(error) = self.tell(Some(committed), voids).await {
            metrics::counter!("cache_voids_failed_total").increment(1);
            tracing::warn!(%error, "a write could not be told to the cache: it is told again");
            self.keep(Some(committed.clone()), voids.to_vec());
            (self.untold)();
        }
    }

    /// Voids again what a write made old; for the job that stands behind [`Cache::wrote`].
    pub async fn void(&self, voids: &[Void]) -> anyhow::Result<()> {
        Ok(self.tell(None, voids).await?)
    }

    /// Voids what the log says was made old, each write with its bucket; raises the stamps first, since the process that wrote may not
    /// have come to it. What it voided itself is known by its mark and left alone.
    pub async fn revoid(&self, written: impl IntoIterator<Item = (Bucket, serde_json::Value)>) -> anyhow::Result<()> {
        let (mut by_shard, mut voids): (HashMap<ShardName, HashSet<Bucket>>, Vec<Void>) = (HashMap::new(), Vec::new());
        for (bucket, payload) in written {
            if let Some(shard) = self.source.shard_of(bucket) {
                by_shard.entry(shard).or_default().insert(bucket);
            }
            // What another release wrote and this one cannot read ends by its time to live.
            voids.extend(serde_json::from_value::<Vec<Void>>(payload).unwrap_or_default());
        }
        for (shard, buckets) in by_shard {
            let stamp = self.source.of_shard(&shard).await?;
            let places = buckets.into_iter().map(|bucket| self.bucket_stamp(bucket)).chain([self.shard_stamp(&shard)]);
            join_all(places.map(|place| self.raise(place, &stamp))).await.into_iter().collect::<Result<Vec<_>, Down>>()?;
        }
        Ok(self.tell(None, &voids).await?)
    }

    /// Repeats what failed, until `stop`: spawn it.
    pub fn repair(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static + use<> {
        let cache = self.clone();
        async move {
            while stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
                for (committed, voids) in cache.failed.take() {
                    if cache.tell(committed.as_ref(), &voids).await.is_err() {
                        cache.keep(committed, voids);
                    }
                }
                cache.failed.settle();
            }
        }
    }

    /// Tells every node, also when one of them fails: a dead node must not keep the others from hearing of a write.
    async fn tell(&self, committed: Option<&Committed>, voids: &[Void]) -> Result<(), Down> {
        let mut told = Vec::new();
        // The stamps first: a load that begins after the void must find them raised.
        if let Some(committed) = committed {
            told.extend(join_all(self.stamps_of(committed).map(|place| self.raise(place, &committed.stamp))).await);
        }
        told.extend(join_all(voids.iter().map(|void| self.void_one(void))).await);
        told.into_iter().try_for_each(|told| told.map(drop))
    }

    async fn raise(&self, (node, key): (usize, String), stamp: &Stamp) -> Result<i64, Down> {
        let mut raise = RAISE.prepare_invoke();
        raise.key(key).arg(stamp.to_string());
        self.redis.nodes()[node].script(&raise).await
    }

    async fn void_one(&self, void: &Void) -> Result<i64, Down> {
        let (mut script, entry) = (VOID.prepare_invoke(), self.entry(self.service, &void.key));
        script.key(&entry).arg(void.version.map_or_else(String::new, |version| version.to_string())).arg(format!("{:x}", void.mark));
        // Its own copy goes at once, not when Redis tells.
        self.hot.generations.changed(entry.as_bytes());
        self.redis.nodes()[self.node_of(void.bucket)].script(&script).await
    }

    fn stamps_of(&self, committed: &Committed) -> [(usize, String); 2] {
        [self.bucket_stamp(committed.bucket), self.shard_stamp(&committed.stamp.shard)]
    }

    /// Keeps what failed. The stamps' keys are held as well: a stamp that was not raised must not send a load to a replica.
    fn keep(&self, committed: Option<Committed>, voids: Vec<Void>) {
        let stamps = committed.iter().flat_map(|committed| self.stamps_of(committed)).map(|(_, key)| key).collect();
        self.failed.keep(committed, voids, stamps);
    }
}
