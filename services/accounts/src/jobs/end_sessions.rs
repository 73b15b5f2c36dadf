use magnitude_jobs::{Job, JobError};
use magnitude_session::TokenHash;
use serde::{Deserialize, Serialize};

use crate::App;

/// Tells Redis of revoked sessions. Safe to run twice: a tombstone stays a tombstone.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndSessions {
    pub hashes: Vec<TokenHash>,
}

impl Job<App> for EndSessions {
    const KIND: &'static str = "end_sessions";

    async fn run(&self, app: &App) -> Result<(), JobError> {
        app.sessions.revoke(&self.hashes).await.map_err(JobError::Wait)
    }
}
