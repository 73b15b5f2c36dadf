use magnitude_ids::Id;
use magnitude_jobs::{Context, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    store::notifications::{self, Kind},
};

/// Tells a user of a new follower.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotifyFollowed {
    pub follower: Id,
    pub followee: Id,
}

impl Job for NotifyFollowed {
    type State = App;
    const KIND: &'static str = "NotifyFollowed";

    async fn run(&self, _: &App, context: &Context) -> Result<(), JobError> {
        let mut write = context.write(self.followee.bucket()).await?;
        notifications::bundle(&mut write, self.followee, Kind::Followed, self.follower, None).await?;
        write.commit().await?;
        Ok(())
    }
}
