use magnitude_ids::Id;
use magnitude_jobs::{Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{App, keyspaces};

/// Voids what the caches know of an article up to a version: the guarantee behind the void that follows the commit. Safe
/// to run twice: it drops nothing newer.
#[derive(Debug, Serialize, Deserialize)]
pub struct VoidArticle {
    pub article: Id,
    pub version: i64,
}

impl Job<App> for VoidArticle {
    const KIND: &'static str = "void_article";

    async fn run(&self, app: &App) -> Result<(), JobError> {
        app.cache.void(&keyspaces::voids(self.article, self.version)).await.map_err(JobError::Wait)
    }
}
