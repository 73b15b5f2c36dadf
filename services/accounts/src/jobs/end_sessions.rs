use magnitude_jobs::{Context, Job, JobError};
use magnitude_session::TokenHash;
use serde::{Deserialize, Serialize};

use crate::App;

/// Tells Redis of revoked sessions. Safe to run twice: a tombstone stays a tombstone.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndSessions {
    pub hashes: Vec<TokenHash>,
}

impl Job for EndSessions {
    type State = App;
    const KIND: &'static str = "end_sessions";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        app.sessions.revoke(&self.hashes).await.map_err(JobError::Wait)
    }
}
