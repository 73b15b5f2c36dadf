//! What must follow a write elsewhere: one file a job.

mod end_sessions;
mod recount;
mod settle_names;

use magnitude_ids::Id;
use magnitude_jobs::{left, run_now};
use magnitude_sharding::Error;

pub use end_sessions::EndSessions;
pub use recount::Recount;
pub use settle_names::SettleNames;

use crate::App;

/// Runs what stands behind a user's writes, for a request that finds its write made by an instance that died.
pub async fn run_left(app: &App, user: Id) -> Result<(), Error> {
    for job in left::<SettleNames>(&app.shards, user.bucket(), |job| job.user == user).await? {
        run_now(&app.shards, app, job).await;
    }
    // Whose sessions those were is not said; there are few.
    for job in left::<EndSessions>(&app.shards, user.bucket(), |_| true).await? {
        run_now(&app.shards, app, job).await;
    }
    Ok(())
}
