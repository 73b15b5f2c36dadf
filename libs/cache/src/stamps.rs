use std::collections::HashMap;

use futures_util::future::join_all;
use magnitude_ids::Bucket;
use magnitude_sharding::{Freshness, ShardFreshness, ShardName, Stamp};

use crate::{
    Cache,
    scripts::{SET_STAMP, STAMPS},
};

/// Marks a placeholder; no shard's stamp begins with it.
const PENDING: &str = "?";

impl Cache {
    /// Where an uncached read of this bucket may be answered.
    pub async fn freshness(&self, bucket: Bucket) -> Freshness {
        // By its shard: a stamp of the shard that owned the bucket before says nothing of the one that owns it now.
        self.freshness_of(&[bucket]).await.into_values().next().map_or(Freshness::Primary, Freshness::AtLeast)
    }

    /// The same for reads grouped by shard: a shard gets an entry if all of its given buckets have a stamp, the latest of them.
    pub async fn freshness_of(&self, buckets: &[Bucket]) -> ShardFreshness {
        if self.bypassed {
            return ShardFreshness::new();
        }
        let mut buckets = buckets.to_vec();
        buckets.sort_unstable();
        buckets.dedup();
        let stamps = self.bucket_stamps(&buckets).await;
        let mut of: HashMap<_, Option<Stamp>> = HashMap::new();
        for (bucket, stamp) in buckets.iter().zip(stamps) {
            let Some(shard) = self.source.shard_of(*bucket) else { continue };
            let stamp = stamp.filter(|stamp| stamp.shard == shard);
            let latest = of.entry(shard).or_insert_with(|| stamp.clone());
            *latest = match (latest.take(), stamp) {
                (Some(a), Some(b)) => Some(if a.position >= b.position { a } else { b }),
                _ => None,
            };
        }
        of.into_iter().filter_map(|(shard, stamp)| Some((shard, stamp?))).collect()
    }

    /// For reads over whole shards: the stamp that every write of the shard raises.
    pub async fn freshness_of_shards(&self) -> ShardFreshness {
        if self.bypassed {
            return ShardFreshness::new();
        }
        let found = join_all(self.source.shards().into_iter().map(|shard| self.shard_freshness(shard))).await;
        found.into_iter().flatten().collect()
    }

    async fn shard_freshness(&self, shard: ShardName) -> Option<(ShardName, Stamp)> {
        let (node, key) = self.shard_stamp(&shard);
        match self.read_stamps(node, std::slice::from_ref(&key), std::slice::from_ref(&shard)).await.pop()? {
            Found::Stamp(stamp) => (stamp.shard == shard && !self.failed.holds(&key)).then_some((shard, stamp)),
            Found::Ours(token) => {
                if let Ok(stamp) = self.source.of_shard(&shard).await {
                    self.set_stamp(node, &key, &token, &stamp).await;
                }
                None
            }
            Found::Pending => None,
        }
    }

    async fn bucket_stamps(&self, buckets: &[Bucket]) -> Vec<Option<Stamp>> {
        let mut by_node: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, bucket) in buckets.iter().enumerate() {
            by_node.entry(self.node_of(*bucket)).or_default().push(index);
        }
        let mut stamps = vec![None; buckets.len()];
        let found = join_all(by_node.into_iter().map(|(node, indexes)| self.stamps_on(node, buckets, indexes))).await;
        for (index, stamp) in found.into_iter().flatten() {
            stamps[index] = stamp;
        }
        stamps
    }

    async fn stamps_on(&self, node: usize, buckets: &[Bucket], indexes: Vec<usize>) -> Vec<(usize, Option<Stamp>)> {
        // A bucket without an owner has no stamp that could count.
        let owned = indexes.into_iter().filter_map(|index| Some((index, self.source.shard_of(buckets[index])?)));
        let (indexes, shards): (Vec<_>, Vec<_>) = owned.unzip();
        let keys: Vec<_> = indexes.iter().map(|index| self.bucket_stamp(buckets[*index]).1).collect();
        let (mut stamps, mut missing) = (Vec::new(), Vec::new());
        for ((index, key), found) in indexes.into_iter().zip(&keys).zip(self.read_stamps(node, &keys, &shards).await) {
            match found {
                Found::Stamp(stamp) => stamps.push((index, (!self.failed.holds(key)).then_some(stamp))),
                Found::Ours(token) => missing.push((buckets[index], key, token)),
                Found::Pending => {}
            }
        }
        self.restore(node, missing).await;
        stamps
    }

    /// Sets missing stamps, for the readers after this one: each shard is asked once, after all placeholders stand.
    async fn restore(&self, node: usize, missing: Vec<(Bucket, &String, String)>) {
        let mut by_shard: HashMap<ShardName, Vec<(&String, String)>> = HashMap::new();
        for (bucket, key, token) in missing {
            if let Some(shard) = self.source.shard_of(bucket) {
                by_shard.entry(shard).or_default().push((key, token));
            }
        }
        join_all(by_shard.into_iter().map(async |(shard, keys)| {
            let Ok(stamp) = self.source.of_shard(&shard).await else { return };
            join_all(keys.iter().map(|(key, token)| self.set_stamp(node, key, token, &stamp))).await;
        }))
        .await;
    }

    /// Each key with the shard whose stamp counts.
    async fn read_stamps(&self, node: usize, keys: &[String], shards: &[ShardName]) -> Vec<Found> {
        let token = format!("{PENDING}{:016x}", rand::random::<u64>());
        let mut read = STAMPS.prepare_invoke();
        for key in keys {
            read.key(key);
        }
        read.arg(&token);
        for shard in shards {
            read.arg(format!("{shard}/{:08x}", self.source.timeline(shard)));
        }
        match self.redis.nodes()[node].script::<Vec<String>>(&read).await {
            Ok(texts) if texts.len() == keys.len() => texts.iter().map(|text| Found::of(text, &token)).collect(),
            Ok(_) | Err(_) => keys.iter().map(|_| Found::Pending).collect(),
        }
    }

    async fn set_stamp(&self, node: usize, key: &str, token: &str, stamp: &Stamp) {
        let mut set = SET_STAMP.prepare_invoke();
        set.key(key).arg(token).arg(stamp.to_string());
        if let Err(error) = self.redis.nodes()[node].script::<i64>(&set).await {
            tracing::debug!(%error, "a stamp was not set");
        }
    }

    pub(crate) fn bucket_stamp(&self, bucket: Bucket) -> (usize, String) {
        (self.node_of(bucket), self.redis.key(&format!("stamp:{}:b:{bucket}", self.service)))
    }

    pub(crate) fn shard_stamp(&self, shard: &str) -> (usize, String) {
        let name = format!("stamp:{}:s:{shard}", self.service);
        (self.redis.node(&name), self.redis.key(&name))
    }
}

enum Found {
    Stamp(Stamp),
    /// There was none, and this reader is to set it, with its token.
    Ours(String),
    /// Somebody else is setting it, or it is not to be read.
    Pending,
}

impl Found {
    fn of(text: &str, token: &str) -> Self {
        if text.is_empty() {
            return Self::Ours(token.to_owned());
        }
        text.parse().map_or(Self::Pending, Self::Stamp)
    }
}
