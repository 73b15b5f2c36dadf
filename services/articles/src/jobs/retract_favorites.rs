use futures_util::future::try_join_all;
use magnitude_ids::Id;
use magnitude_jobs::{Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{App, jobs::MirrorFavorite};

/// How many mirrors are written at once.
const AT_ONCE: usize = 8;

/// Takes a deleted article out of the mirrors of all who had favorited it. Safe to run twice: each is a [`MirrorFavorite`].
#[derive(Debug, Serialize, Deserialize)]
pub struct RetractFavorites {
    pub article: Id,
    /// Who had favorited it, and the version of that.
    pub favorites: Vec<(Id, i64)>,
}

impl Job<App> for RetractFavorites {
    const KIND: &'static str = "retract_favorites";

    async fn run(&self, app: &App) -> Result<(), JobError> {
        let mirrors: Vec<_> = self
            .favorites
            .iter()
            .map(|(user, version)| MirrorFavorite { user: *user, article: self.article, active: false, version: version + 1 })
            .collect();
        for some in mirrors.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|mirror| mirror.run(app))).await?;
        }
        Ok(())
    }
}
