//! The nightly recount: what this service keeps twice is compared, and what differs is put right.

mod counts;
mod mirrors;

use magnitude_ids::Bucket;
use magnitude_jobs::{JobError, Walk};
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    App,
    store::recount::{FIRST, filled},
};

/// What of a bucket is compared, and after which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recount {
    /// The mirrors of whom users here follow, after a follower and a followee.
    MirrorsOfFollowers(i64, i64),
    /// The mirrors here, after a followee and a follower: that they have something to mirror.
    MirrorsOfFollowees(i64, i64),
    Unread(i64),
    Others(Uuid),
}

impl Default for Recount {
    fn default() -> Self {
        Self::MirrorsOfFollowers(FIRST, FIRST)
    }
}

impl Walk for Recount {
    type State = App;
    const KIND: &'static str = "Recount";
    const PART: &'static str = "RecountBuckets";

    async fn filled(app: &App, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
        filled(&app.shards, first, last).await
    }

    async fn page(&self, app: &App, bucket: Bucket) -> Result<Option<Self>, JobError> {
        let two = |make: fn(i64, i64) -> Self| move |(first, second)| make(first, second);
        Ok(Some(match *self {
            Self::MirrorsOfFollowers(follower, followee) => {
                let next = mirrors::of_followers(app, bucket, (follower, followee)).await?;
                next.map_or(Self::MirrorsOfFollowees(FIRST, FIRST), two(Self::MirrorsOfFollowers))
            }
            Self::MirrorsOfFollowees(followee, follower) => {
                let next = mirrors::of_followees(app, bucket, (followee, follower)).await?;
                next.map_or(Self::Unread(FIRST), two(Self::MirrorsOfFollowees))
            }
            Self::Unread(after) => counts::unread(app, bucket, after).await?.map_or(Self::Others(Uuid::nil()), Self::Unread),
            Self::Others(after) => return Ok(counts::others(app, bucket, after).await?.map(Self::Others)),
        }))
    }
}
