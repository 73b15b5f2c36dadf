//! The nightly recount: what this service keeps twice is compared, and what differs is put right.

mod counts;
mod mirrors;

use magnitude_ids::Bucket;
use magnitude_jobs::{JobError, Walk};
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    store::recount::{FIRST, filled},
};

/// What of a bucket is compared, and after which key. Tags and mirrors come before their counts, which are of the rows as they are then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recount {
    /// The mirrors of the favorites of articles here, after an article and a user.
    MirrorsOfArticles(i64, i64),
    /// The mirrors here, after a user and an article: that they have something to mirror.
    MirrorsOfUsers(i64, i64),
    /// The rows of articles' tags.
    Tags(i64),
    Authors(i64),
    Favorites(i64),
    Favoriters(i64),
    /// Those of the bucket as a whole.
    Totals,
}

impl Default for Recount {
    fn default() -> Self {
        Self::MirrorsOfArticles(FIRST, FIRST)
    }
}

impl Walk for Recount {
    type State = App;
    const KIND: &'static str = "recount";
    const PART: &'static str = "recount_buckets";

    async fn filled(app: &App, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
        filled(&app.shards, first, last).await
    }

    async fn page(&self, app: &App, bucket: Bucket) -> Result<Option<Self>, JobError> {
        let two = |make: fn(i64, i64) -> Self| move |(first, second)| make(first, second);
        Ok(Some(match *self {
            Self::MirrorsOfArticles(article, user) => {
                let next = mirrors::of_articles(app, bucket, (article, user)).await?;
                next.map_or(Self::MirrorsOfUsers(FIRST, FIRST), two(Self::MirrorsOfArticles))
            }
            Self::MirrorsOfUsers(user, article) => {
                let next = mirrors::of_users(app, bucket, (user, article)).await?;
                next.map_or(Self::Tags(FIRST), two(Self::MirrorsOfUsers))
            }
            Self::Tags(after) => counts::tags(app, bucket, after).await?.map_or(Self::Authors(FIRST), Self::Tags),
            Self::Authors(after) => counts::authors(app, bucket, after).await?.map_or(Self::Favorites(FIRST), Self::Authors),
            Self::Favorites(after) => counts::favorites(app, bucket, after).await?.map_or(Self::Favoriters(FIRST), Self::Favorites),
            Self::Favoriters(after) => counts::favoriters(app, bucket, after).await?.map_or(Self::Totals, Self::Favoriters),
            Self::Totals => {
                counts::totals(app, bucket).await?;
                return Ok(None);
            }
        }))
    }
}
