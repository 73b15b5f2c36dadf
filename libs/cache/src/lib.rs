//! skeleton
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use std::{collections::HashMap, marker::PhantomData, sync::Arc, time::Duration};
use magnitude_ids::Bucket;
use magnitude_sharding::{Committed, Freshness, ShardFreshness, ShardName, Shards};
use serde::{Serialize, de::DeserializeOwned};

/// One kind of cached thing: its name is part of each key, together with the service that owns it.
pub struct Keyspace<T> { pub name: &'static str, pub soft: Duration, pub hard: Duration, pub negative: Duration, pub _of: PhantomData<fn() -> T> }
impl<T> Keyspace<T> { pub const fn new(name: &'static str, soft: Duration, hard: Duration, negative: Duration) -> Self { todo!() } }

/// What a load found: the row's version decides which fill wins.
pub struct Versioned<T> { pub version: i64, pub value: T }

/// What a write changed: the key's payload and lease go, and its floor rises to `version`.
#[derive(Clone, Debug)]
pub struct Void { /* keyspace, bucket, key, version */ }
impl<T> Keyspace<T> { pub fn void(&self, bucket: Bucket, key: impl std::fmt::Display, version: i64) -> Void { todo!() } }

#[derive(Clone)]
pub struct Cache {}
impl Cache {
    /// `service` owns all keys written here. The breaker and connections are made lazily: a dead Redis never fails this.
    pub fn new(settings: &magnitude_redis::Settings, service: &'static str, shards: Shards) -> anyhow::Result<Self> { todo!() }
    /// Read through: fresh entry, or one loader (lease) fills; without Redis, the loader with `Freshness::Primary`.
    pub async fn get<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, bucket: Bucket, key: impl std::fmt::Display + Send, load: F) -> Result<Option<Arc<T>>, E>
    where T: Serialize + DeserializeOwned + Send + Sync, F: FnOnce(Freshness) -> Fut + Send, Fut: Future<Output = Result<Option<Versioned<T>>, E>> + Send { todo!() }
    /// Many keys, one round trip a Redis node; `load` is called at most once, with the indexes (into `keys`) that missed, and answers by index.
    pub async fn get_many<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, keys: &[(Bucket, String)], load: F) -> Result<Vec<Option<Arc<T>>>, E>
    where T: Serialize + DeserializeOwned + Send + Sync, F: FnOnce(Vec<usize>, ShardFreshness) -> Fut + Send, Fut: Future<Output = Result<HashMap<usize, Versioned<T>>, E>> + Send { todo!() }
    /// Where an uncached read of this bucket may be answered; sets a missing stamp.
    pub async fn freshness(&self, bucket: Bucket) -> Freshness { todo!() }
    /// The same for reads grouped by shard: only shards all of whose given buckets have a stamp get an entry.
    pub async fn freshness_of(&self, buckets: &[Bucket]) -> ShardFreshness { todo!() }
    /// For reads over whole shards (lists): the stamp every write of the shard raises.
    pub async fn freshness_of_shards(&self) -> ShardFreshness { todo!() }
    /// Call after COMMIT and before the answer: raises the stamps of bucket and shard, then voids. Failure does not fail the write: counted, logged, and left to the event log.
    pub async fn wrote(&self, committed: &Committed, voids: &[Void]) { todo!() }
}
