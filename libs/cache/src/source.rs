use futures_util::future::BoxFuture;
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, ShardName, Shards, Stamp};

/// Where stamps come from when Redis has none: the shards.
pub trait StampSource: Send + Sync + 'static {
    fn shards(&self) -> Vec<ShardName>;
    fn shard_of(&self, bucket: Bucket) -> Option<ShardName>;
    /// The newest timeline of a shard's history; zero before it is known.
    fn timeline(&self, shard: &str) -> u32;
    fn of_shard<'a>(&'a self, shard: &'a str) -> BoxFuture<'a, Result<Stamp, Error>>;
}

impl StampSource for Shards {
    fn shards(&self) -> Vec<ShardName> {
        self.names()
    }

    fn shard_of(&self, bucket: Bucket) -> Option<ShardName> {
        Shards::shard_of(self, bucket).ok()
    }

    fn timeline(&self, shard: &str) -> u32 {
        Shards::timeline(self, shard)
    }

    fn of_shard<'a>(&'a self, shard: &'a str) -> BoxFuture<'a, Result<Stamp, Error>> {
        Box::pin(self.current_shard_stamp(shard))
    }
}
