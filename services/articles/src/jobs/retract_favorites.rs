use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Context, Enqueued, Job, JobError, enqueue, left, record_voids};
use magnitude_sharding::{Error, Shards, Write};
use serde::{Deserialize, Serialize};

use crate::{App, keyspaces, store};

/// How many favorites one job retracts: far less than what it has time for.
const CHUNK: usize = 500;
/// How many chunks a request retracts itself, so that it ends in time: a reader of `?favorited=` does not see a deleted
/// article of at most a thousand favorites; of one with more, some readers do until a worker has come to their chunk.
const INLINE: usize = 2;
/// How many buckets are written at once.
const AT_ONCE: usize = 8;

/// Takes a deleted article out of the mirrors of some who had favorited it. Safe to run twice: a mirror takes only versions that
/// are newer than its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct RetractFavorites {
    pub article: Id,
    /// Who had favorited it, and the version of that.
    pub favorites: Vec<(Id, i64)>,
}

impl RetractFavorites {
    /// Writes a job a chunk, and returns those that are to be run inline. Chunks keep the order, so favorites that come by
    /// bucket cost few transactions.
    pub async fn enqueue_all(write: &mut Write, article: Id, favorites: &[(Id, i64)]) -> Result<Vec<Enqueued<Self>>, Error> {
        let mut inline = Vec::with_capacity(INLINE);
        for favorites in favorites.chunks(CHUNK) {
            let chunk = enqueue(write, Self { article, favorites: favorites.to_vec() }).await?;
            if inline.len() < INLINE {
                inline.push(chunk);
            }
        }
        Ok(inline)
    }

    /// Those that an instance left which died after it had deleted the article, as many as it would have run inline.
    pub async fn left(shards: &Shards, article: Id) -> Result<Vec<Enqueued<Self>>, Error> {
        let mut chunks = left(shards, article.bucket(), |job: &Self| job.article == article).await?;
        chunks.truncate(INLINE);
        Ok(chunks)
    }
}

impl Job for RetractFavorites {
    type State = App;
    const KIND: &'static str = "retract_favorites";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        Ok(self.apply(app).await?)
    }
}

impl RetractFavorites {
    pub async fn apply(&self, app: &App) -> Result<(), Error> {
        let mut by_bucket: BTreeMap<Bucket, Vec<(Id, i64)>> = BTreeMap::new();
        for (user, version) in &self.favorites {
            by_bucket.entry(user.bucket()).or_default().push((*user, *version));
        }
        let buckets: Vec<_> = by_bucket.into_iter().collect();
        for some in buckets.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|(bucket, favorites)| retract(app, self.article, *bucket, favorites))).await?;
        }
        Ok(())
    }
}

/// One transaction for all favorites of one bucket's users. They are locked in the order of their ids, as in every chunk.
async fn retract(app: &App, article: Id, bucket: Bucket, favorites: &[(Id, i64)]) -> Result<(), Error> {
    let mut favorites = favorites.to_vec();
    favorites.sort_unstable();
    let voids: Vec<_> = favorites.iter().map(|(user, _)| keyspaces::favorited_by(*user).void()).collect();
    let mut write = app.shards.write(bucket).await?;
    for (user, version) in favorites {
        store::favorites::mirror(&mut write, user, article, false, version + 1).await?;
    }
    record_voids(&mut write, &voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &voids).await;
    Ok(())
}
