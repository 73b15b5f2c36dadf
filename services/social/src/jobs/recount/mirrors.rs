use futures_util::future::try_join_all;
use magnitude_ids::Bucket;
use magnitude_jobs::report_drift;
use magnitude_sharding::Error;

use crate::{
    App,
    store::{
        mirror,
        recount::mirrors::{self, Follow, PAGE, correct, delete},
    },
};

const LATE: &str = "mirrors of follows";
const AHEAD: &str = "mirrors without a follow";
/// Mirrors written at once.
const AT_ONCE: usize = 8;

/// Whose mirror is missing or older gets it as the follow is now. A newer one was written since the follow was read.
pub(super) async fn of_followers(app: &App, bucket: Bucket, after: (i64, i64)) -> Result<Option<(i64, i64)>, Error> {
    let page = mirrors::truths(&app.shards, bucket, after).await?;
    let mut late = late(app, &page).await?;
    if !late.is_empty() {
        // Most are on their way just now.
        late = self::late(app, &mirrors::mirrored(&app.shards, bucket, &late).await?).await?;
    }
    report_drift(LATE, 0, 0);
    for some in late.chunks(AT_ONCE) {
        let mirrored = |truth: &Follow| mirror::apply(&app.shards, truth.follower, truth.followee, truth.active, truth.version);
        try_join_all(some.iter().map(mirrored)).await?;
        report_drift(LATE, some.len(), some.len());
    }
    Ok(next(&page).map(|last| (last.follower.as_i64(), last.followee.as_i64())))
}

async fn late(app: &App, truths: &[Follow]) -> Result<Vec<Follow>, Error> {
    let mirrors = mirrors::mirrors_of(&app.shards, truths).await?;
    let shows = |truth: &Follow| {
        let mirror = mirrors.get(&(truth.follower, truth.followee));
        mirror.is_some_and(|(active, version)| *version > truth.version || (*version, *active) == (truth.version, truth.active))
    };
    Ok(truths.iter().filter(|truth| !shows(truth)).copied().collect())
}

/// Mirrors that no follow stands behind, or only an older one. A follow is written before its mirror and never goes, so what is read of it
/// after the mirror is as new as that.
pub(super) async fn of_followees(app: &App, bucket: Bucket, after: (i64, i64)) -> Result<Option<(i64, i64)>, Error> {
    let page = mirrors::mirrors(&app.shards, bucket, after).await?;
    let truths = mirrors::truths_of(&app.shards, &page).await?;
    let mut corrected = 0;
    for read in &page {
        // Only what is still as it was read: whoever wrote the mirror since knew better.
        corrected += usize::from(match truths.get(&(read.follower, read.followee)) {
            Some(truth) if truth.1 < read.version => correct(&app.shards, read, *truth).await?,
            None => delete(&app.shards, read).await?,
            Some(_) => false,
        });
    }
    report_drift(AHEAD, corrected, corrected);
    Ok(next(&page).map(|last| (last.followee.as_i64(), last.follower.as_i64())))
}

/// The last of a page that another may follow.
fn next(page: &[Follow]) -> Option<&Follow> {
    page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE))
}
