use magnitude_ids::Id;
use magnitude_jobs::{Context, Job, JobError};
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};

use crate::{App, store::mirror};

/// Tells the followee's bucket what the follower's holds. Running it twice, late or out of order is safe: the mirror only
/// takes a version higher than its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct MirrorFollow {
    pub follower: Id,
    pub followee: Id,
    pub active: bool,
    pub version: i64,
}

impl Job for MirrorFollow {
    type State = App;
    const KIND: &'static str = "MirrorFollow";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        Ok(self.apply(app).await?)
    }
}

impl MirrorFollow {
    pub async fn apply(&self, app: &App) -> Result<(), Error> {
        mirror::apply(&app.shards, self.follower, self.followee, self.active, self.version).await
    }
}
