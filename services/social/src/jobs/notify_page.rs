use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use magnitude_contract::social::About;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Context, Job, JobError};
use magnitude_sharding::{Error, ShardName, Shards};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    store::{followers, notifications},
};

/// Readers told in one statement.
const CHUNK: usize = 2_000;
/// Statements of a page at once.
const AT_ONCE: usize = 2;

/// Tells the followers who live in some buckets of a new article. Safe to run twice: a reader is told once of an article.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotifyPage {
    pub author: Id,
    pub article: About,
    pub first: Bucket,
    pub last: Bucket,
}

impl Job for NotifyPage {
    type State = App;
    const KIND: &'static str = "NotifyPage";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        let followers = followers::between(&app.shards, self.author, self.first, self.last).await?;
        let told = by_shard(&app.shards, &followers)?
            .into_iter()
            .map(async |(shard, readers)| notifications::publish(&app.shards, &shard, &readers, self.author, &self.article).await);
        stream::iter(told).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        metrics::counter!("notifications_fanned_out_total").increment(followers.len() as u64);
        Ok(())
    }
}

/// In chunks, each of those who live on one shard, bucket after bucket: so they come.
fn by_shard(shards: &Shards, followers: &[i64]) -> Result<Vec<(ShardName, Vec<i64>)>, Error> {
    let mut all = BTreeMap::<ShardName, Vec<i64>>::new();
    let homes = followers.chunk_by(|one, next| home(*one) == home(*next));
    for (home, readers) in homes.filter_map(|readers| Some((home(*readers.first()?)?, readers))) {
        all.entry(shards.shard_of(home)?).or_default().extend(readers);
    }
    let chunks = |(shard, readers): (ShardName, Vec<i64>)| {
        let chunks: Vec<_> = readers.chunks(CHUNK).map(|chunk| (shard.clone(), chunk.to_vec())).collect();
        chunks
    };
    Ok(all.into_iter().flat_map(chunks).collect())
}

fn home(follower: i64) -> Option<Bucket> {
    Id::from_i64(follower).map(Id::bucket)
}
