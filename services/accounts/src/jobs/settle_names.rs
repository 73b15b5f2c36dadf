use magnitude_ids::Id;
use magnitude_jobs::{Context, Job, JobError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    App, keyspaces,
    names::{self, Name},
};

/// After a user's row was written: confirms the names it took, gives back those it left, and voids the user once more.
/// Safe to run twice and late: names are confirmed by their write, given back only up to the version that left them.
#[derive(Debug, Serialize, Deserialize)]
pub struct SettleNames {
    pub user: Id,
    pub write_id: Uuid,
    /// The version that the write made.
    pub version: i64,
    pub taken: Vec<Name>,
    pub left: Vec<Name>,
}

impl Job for SettleNames {
    type State = App;
    const KIND: &'static str = "settle_names";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        for name in &self.taken {
            names::confirm(app, name, self.user, self.write_id).await?;
        }
        for name in &self.left {
            names::release(app, name, self.user, self.version - 1).await?;
        }
        app.cache.void(&keyspaces::voids(self.user, self.version)).await.map_err(JobError::Wait)
    }
}
