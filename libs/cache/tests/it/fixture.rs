use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use magnitude_cache::{Cache, Keyspace, StampSource, Versioned};
use magnitude_ids::Bucket;
use magnitude_redis::Settings;
use magnitude_sharding::{Committed, Error, Position, ShardName, Stamp};

use crate::server::Server;

const HOUR: Duration = Duration::from_hours(1);
pub const NOTES: Keyspace<String> = Keyspace::new("it", "notes", HOUR, HOUR, HOUR);
/// Always due for a refresh.
pub const STALE: Keyspace<String> = Keyspace::new("it", "stale", Duration::ZERO, HOUR, HOUR);
/// Where Redis keeps the note `a` of [`Fixture`].
pub const ENTRY: &str = "it:cache:it:notes:a";
/// The position of the shards as [`Stamps`] tells it.
pub const HERE: u64 = 5;

/// A server, and the stamps of the caches on it.
pub struct Fixture {
    pub server: Server,
    pub stamps: Arc<Stamps>,
}

impl Fixture {
    pub fn new() -> Self {
        Self { server: Server::start(), stamps: Arc::new(Stamps::default()) }
    }

    pub fn cache(&self) -> Cache {
        self.cache_on(&self.server.settings())
    }

    pub fn cache_on(&self, settings: &Settings) -> Cache {
        Cache::with_stamps(settings, "it", self.stamps.clone()).unwrap()
    }

    /// The cache of another service.
    pub fn foreign_cache(&self) -> Cache {
        Cache::with_stamps(&self.server.settings(), "other", self.stamps.clone()).unwrap()
    }
}

/// Two shards; the first owns every bucket unless they moved.
#[derive(Default)]
pub struct Stamps {
    moved: Mutex<bool>,
    meanwhile: Mutex<Option<(Cache, Committed)>>,
    asked: AtomicUsize,
    timeline: AtomicU32,
}

impl Stamps {
    /// All buckets, to the second shard.
    pub fn move_buckets(&self) {
        *self.moved.lock().unwrap() = true;
    }

    /// Tells a cache of a write between the next reading of a stamp and its answer.
    pub fn write_meanwhile(&self, cache: &Cache, committed: Committed) {
        *self.meanwhile.lock().unwrap() = Some((cache.clone(), committed));
    }

    /// The shards are on this timeline now.
    pub fn fail_over(&self, timeline: u32) {
        self.timeline.store(timeline, Ordering::Relaxed);
    }

    /// How often a shard was asked for its stamp.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    async fn read(&self, shard: &str) -> Stamp {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let timeline = self.timeline.load(Ordering::Relaxed).max(1);
        let stamp = Stamp { shard: shard.into(), position: Position { timeline, lsn: HERE } };
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some((cache, committed)) = meanwhile {
            cache.wrote(&committed, &[]).await;
        }
        stamp
    }
}

impl StampSource for Stamps {
    fn shards(&self) -> Vec<ShardName> {
        vec!["s1".into(), "s2".into()]
    }

    fn shard_of(&self, _bucket: Bucket) -> Option<ShardName> {
        Some(if *self.moved.lock().unwrap() { "s2".into() } else { "s1".into() })
    }

    fn timeline(&self, _shard: &str) -> u32 {
        self.timeline.load(Ordering::Relaxed)
    }

    fn of_shard<'a>(&'a self, shard: &'a str) -> BoxFuture<'a, Result<Stamp, Error>> {
        Box::pin(async move { Ok(self.read(shard).await) })
    }
}

pub fn bucket() -> Bucket {
    Bucket::new(7).unwrap()
}

pub fn stamp(shard: &str, lsn: u64) -> Stamp {
    Stamp { shard: shard.into(), position: Position { timeline: 1, lsn } }
}

/// A write to the bucket, on the first shard.
pub fn committed(lsn: u64) -> Committed {
    Committed { bucket: bucket(), stamp: stamp("s1", lsn) }
}

/// A loader found nothing to load from.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed;

impl From<Error> for Failed {
    fn from(_: Error) -> Self {
        Self
    }
}

pub type Loaded<T> = Result<Option<Versioned<T>>, Failed>;

#[expect(clippy::unnecessary_wraps, reason = "it is what a loader answers")]
pub fn found(version: i64, text: &str) -> Loaded<String> {
    Ok(Some(Versioned::new(version, text.into())))
}

/// Reads the note `a`, with what a load would find.
pub async fn read(cache: &Cache, load: Loaded<String>) -> Result<Option<String>, Failed> {
    read_from(cache, &NOTES, load).await
}

pub async fn read_from(cache: &Cache, keyspace: &Keyspace<String>, load: Loaded<String>) -> Result<Option<String>, Failed> {
    let value = cache.get(keyspace, bucket(), "a", async |_| load.clone()).await?;
    Ok(value.map(|value| (*value).clone()))
}

/// What the cache answers without a load; fails if it would need one.
pub async fn cached(cache: &Cache) -> Result<Option<String>, Failed> {
    read(cache, Err(Failed)).await
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a read answers")]
pub fn some(text: &str) -> Result<Option<String>, Failed> {
    Ok(Some(text.into()))
}
