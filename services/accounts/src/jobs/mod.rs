//! What must follow a write elsewhere: one file a job.

mod end_sessions;
mod recount;
mod settle_names;

use magnitude_ids::Bucket;
use magnitude_jobs::{left, run_now};
use magnitude_sharding::Error;

pub use end_sessions::EndSessions;
pub use recount::Recount;
pub use settle_names::SettleNames;

use crate::App;

/// Runs what stands behind the writes of a user's bucket, for a request that finds its write made by an instance that died.
pub async fn run_left(app: &App, bucket: Bucket) -> Result<(), Error> {
    for job in left::<SettleNames>(&app.shards, bucket).await? {
        run_now(&app.shards, app, job).await;
    }
    for job in left::<EndSessions>(&app.shards, bucket).await? {
        run_now(&app.shards, app, job).await;
    }
    Ok(())
}
