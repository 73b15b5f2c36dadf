use futures_util::future::try_join_all;
use magnitude_contract::social::About;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Context, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    store::{followers, notifications},
};

/// Readers told in one statement.
const CHUNK: usize = 1_000;
/// How many buckets are written at once.
const AT_ONCE: usize = 8;

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
        let homes: Vec<(Bucket, &[i64])> = by_home(&followers).collect();
        for some in homes.chunks(AT_ONCE) {
            let told = some.iter().map(|(home, readers)| notifications::publish(&app.shards, *home, readers, self.author, &self.article));
            try_join_all(told).await?;
        }
        metrics::counter!("notifications_fanned_out_total").increment(followers.len() as u64);
        Ok(())
    }
}

/// In chunks, each of one bucket: they come sorted by it.
fn by_home(followers: &[i64]) -> impl Iterator<Item = (Bucket, &[i64])> {
    let home = |follower: i64| Id::from_i64(follower).map(Id::bucket);
    let homes = followers.chunk_by(move |one, next| home(*one) == home(*next));
    homes.flat_map(|followers| followers.chunks(CHUNK)).filter_map(move |chunk| Some((home(*chunk.first()?)?, chunk)))
}
