//! The logs of revoked sessions, one a shard: where this service's processes hear of them. The others ask these processes.

use std::time::Duration;

use magnitude_session::{News, Revocations};
use magnitude_sharding::{ShardName, Shards};

use crate::store;

/// One shard's log, read further and further.
pub struct ShardLog {
    shards: Shards,
    shard: ShardName,
    next: Option<String>,
}

/// Every shard's, each read for itself: one that is silent holds up no other.
pub fn logs(shards: &Shards) -> Vec<ShardLog> {
    let log = |shard| ShardLog { shards: shards.clone(), shard, next: None };
    shards.names().into_iter().map(log).collect()
}

impl Revocations for ShardLog {
    async fn revoked(&mut self, within: Duration) -> anyhow::Result<News> {
        let (next, hashes) = store::revocations::since(&self.shards, &self.shard, self.next.as_deref(), within).await?;
        self.next = Some(next);
        Ok(News { hashes, age: Duration::ZERO, all: true })
    }
}
