use magnitude_jobs::{Context, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{App, store::notifications};

/// How long a notification is kept.
const DAYS: i32 = 90;
/// Batches of a shard in one run: the next run goes on.
const BATCHES: usize = 200;

/// Deletes old notifications, on every shard. Safe to run twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrimNotifications;

impl Job for TrimNotifications {
    type State = App;
    const KIND: &'static str = "TrimNotifications";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        for shard in app.shards.names() {
            for _ in 0..BATCHES {
                if notifications::trim(&app.shards, &shard, DAYS).await? == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}
