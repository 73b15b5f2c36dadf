use magnitude_ids::Id;
use magnitude_jobs::{Context, Job, JobError, record_voids};
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};

use crate::{App, keyspaces, store};

/// Brings a change of an article's favorites to the mirror in the user's bucket. Safe to run twice and late: the mirror
/// takes only versions that are newer than its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct MirrorFavorite {
    pub user: Id,
    pub article: Id,
    pub active: bool,
    pub version: i64,
}

impl Job for MirrorFavorite {
    type State = App;
    const KIND: &'static str = "mirror_favorite";

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        Ok(self.apply(app).await?)
    }
}

impl MirrorFavorite {
    pub async fn apply(&self, app: &App) -> Result<(), Error> {
        let mut write = app.shards.write(self.user.bucket()).await?;
        store::favorites::mirror(&mut write, self.user, self.article, self.active, self.version).await?;
        let voids = [keyspaces::favorited_by(self.user).void()];
        record_voids(&mut write, &voids).await?;
        let committed = write.commit().await?;
        app.cache.wrote(&committed, &voids).await;
        Ok(())
    }
}
