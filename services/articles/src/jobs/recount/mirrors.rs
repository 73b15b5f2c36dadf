use futures_util::future::try_join_all;
use magnitude_ids::Bucket;
use magnitude_jobs::{record_voids, report_drift};
use magnitude_sharding::Error;

use crate::{
    App,
    jobs::MirrorFavorite,
    keyspaces,
    store::{
        self,
        recount::mirrors::{self, Favorite, PAGE, correct, is_retracted},
    },
};

const LATE: &str = "mirrors of favorites";
const AHEAD: &str = "mirrors without a favorite";
/// Mirrors written at once.
const AT_ONCE: usize = 8;

/// Whose mirror is missing or older gets it as the favorite is now. A newer one was written since the favorite was read.
pub(super) async fn of_articles(app: &App, bucket: Bucket, after: (i64, i64)) -> Result<Option<(i64, i64)>, Error> {
    let page = mirrors::truths(&app.shards, bucket, after).await?;
    let mut late = late(app, &page).await?;
    if !late.is_empty() {
        // Most are on their way just now.
        late = self::late(app, &mirrors::mirrored(&app.shards, bucket, &late).await?).await?;
    }
    report_drift(LATE, 0, 0);
    for some in late.chunks(AT_ONCE) {
        try_join_all(some.iter().map(|truth| mirror(app, truth))).await?;
        report_drift(LATE, some.len(), some.len());
    }
    Ok(next(&page).map(|last| (last.article.as_i64(), last.user.as_i64())))
}

async fn late(app: &App, truths: &[Favorite]) -> Result<Vec<Favorite>, Error> {
    let mirrors = mirrors::mirrors_of(&app.shards, truths).await?;
    let shows = |truth: &Favorite| {
        let mirror = mirrors.get(&(truth.article, truth.user));
        mirror.is_some_and(|(active, version)| *version > truth.version || (*version, *active) == (truth.version, truth.active))
    };
    Ok(truths.iter().filter(|truth| !shows(truth)).copied().collect())
}

async fn mirror(app: &App, truth: &Favorite) -> Result<(), Error> {
    let Favorite { article, user, active, version } = *truth;
    MirrorFavorite { user, article, active, version }.apply(app).await
}

/// Mirrors that no favorite stands behind, or only an older one. A favorite is written before its mirror and goes only with its article,
/// so what is read of it after the mirror is as new as that.
pub(super) async fn of_users(app: &App, bucket: Bucket, after: (i64, i64)) -> Result<Option<(i64, i64)>, Error> {
    let page = mirrors::mirrors(&app.shards, bucket, after).await?;
    let truths = mirrors::truths_of(&app.shards, &page).await?;
    let mut corrected = 0;
    for read in &page {
        let state = match truths.get(&(read.article, read.user)) {
            Some(truth) if truth.1 < read.version => *truth,
            // As a deletion of the article retracts it.
            None if read.active && is_retracted(&app.shards, read.article).await? => (false, read.version + 1),
            _ => continue,
        };
        corrected += usize::from(correct_one(app, read, state).await?);
    }
    report_drift(AHEAD, corrected, corrected);
    Ok(next(&page).map(|last| (last.user.as_i64(), last.article.as_i64())))
}

/// Only what is still as it was read: whoever wrote the mirror since knew better.
async fn correct_one(app: &App, read: &Favorite, state: (bool, i64)) -> Result<bool, Error> {
    let mut write = app.shards.write(read.user.bucket()).await?;
    store::favorites::lock_favoriter(&mut write, read.user).await?;
    if !correct(&mut write, read, state).await? {
        write.rollback().await;
        return Ok(false);
    }
    let voids = [keyspaces::favorited_by(read.user).void()];
    record_voids(&mut write, &voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &voids).await;
    Ok(true)
}

/// The last of a page that another may follow.
fn next(page: &[Favorite]) -> Option<&Favorite> {
    page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE))
}
