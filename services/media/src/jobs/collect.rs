use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use magnitude_ids::Bucket;
use magnitude_jobs::{JobError, Walk, record_voids};
use magnitude_objects::{Hash, Key};
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};

use crate::{App, keyspaces, store::collect};

/// Collects, every night, what nobody uses: of each bucket the uploads that are a day old and of which no user's image shows a variant, then
/// the contents that no upload has and no user shows. Those of an upload whose bucket comes later go the night after.
///
/// A content that somebody wants meanwhile does not vanish: whoever is about to refer to one touches its row first, and a row is doomed only
/// if it was not touched for an hour. So when it is doomed, those who touched it have long said so where it is then looked for once more, and
/// who comes later is refused until it is gone; an upload waits and stores it anew. Safe to run twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// After an id.
    Uploads(i64),
    /// After a hash.
    Objects(String),
}

/// From the dooming on. Another run may take the rest up after a minute, and then the content may come again: nothing may be deleted so late.
const LATEST: Duration = Duration::from_secs(20);

impl Default for Collect {
    fn default() -> Self {
        Self::Uploads(-1)
    }
}

impl Walk for Collect {
    type State = App;
    const KIND: &'static str = "Collect";
    const PART: &'static str = "CollectBuckets";

    async fn filled(app: &App, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
        collect::filled(&app.shards, first, last).await
    }

    async fn page(&self, app: &App, bucket: Bucket) -> Result<Option<Self>, JobError> {
        match self {
            Self::Uploads(after) => {
                let next = uploads(app, bucket, *after).await?;
                Ok(Some(next.map_or_else(|| Self::Objects(String::new()), Self::Uploads)))
            }
            Self::Objects(after) => Ok(objects(app, bucket, after).await?.map(Self::Objects)),
        }
    }
}

/// The last id of the page, nothing after the last page.
async fn uploads(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, JobError> {
    let old = collect::old_uploads(&app.shards, bucket, after).await?;
    let Some((last, _)) = old.last() else { return Ok(None) };
    let last = *last;
    let hashes: Vec<String> = old.iter().flat_map(|(_, hashes)| hashes.clone()).collect();
    let used = shown(app, &hashes).await?;
    let unused = old.into_iter().filter(|(_, hashes)| !hashes.iter().any(|hash| used.contains(hash)));
    let unused: Vec<i64> = unused.map(|(id, _)| id).collect();
    if !unused.is_empty() {
        remove(app, bucket, &unused).await?;
    }
    Ok(Some(last))
}

/// The rows of uploads: what a user takes at this moment is a content, and that stays.
async fn remove(app: &App, bucket: Bucket, ids: &[i64]) -> Result<(), JobError> {
    let mut write = app.shards.write(bucket).await?;
    let removed = collect::remove_uploads(&mut write, ids).await?;
    let voids: Vec<_> = removed.iter().map(|(id, _)| keyspaces::end(*id)).collect();
    record_voids(&mut write, &voids).await?;
    app.cache.wrote(&write.commit().await?, &voids).await;
    for staged in removed.iter().filter_map(|(_, staged)| Key::new(staged)) {
        // What is left of one that was never decoded; the sweep is behind it.
        app.objects.delete(&staged).await.ok();
    }
    metrics::counter!("media_collected_total", "what" => "uploads").increment(removed.len() as u64);
    Ok(())
}

async fn objects(app: &App, bucket: Bucket, after: &str) -> Result<Option<String>, JobError> {
    let old = collect::old_objects(&app.shards, bucket, after).await?;
    let Some(last) = old.last().cloned() else { return Ok(None) };
    let unused = unused(app, old).await?;
    if unused.is_empty() {
        return Ok(Some(last));
    }
    let since = Instant::now();
    let doomed = collect::doom(&app.shards, bucket, &unused).await?;
    let gone = self::unused(app, doomed.clone()).await?;
    let spared: Vec<String> = doomed.into_iter().filter(|hash| !gone.contains(hash)).collect();
    if !spared.is_empty() {
        collect::spare(&app.shards, bucket, &spared).await?;
    }
    delete(app, &gone, since).await?;
    collect::forget(&app.shards, bucket, &gone).await?;
    metrics::counter!("media_collected_total", "what" => "objects").increment(gone.len() as u64);
    Ok(Some(last))
}

async fn delete(app: &App, hashes: &[String], since: Instant) -> Result<(), JobError> {
    for hash in hashes {
        let hash: Hash = hash.parse()?;
        if since.elapsed() > LATEST {
            return Err(JobError::Retry(anyhow!("contents were doomed too long ago to be deleted now")));
        }
        app.objects.delete(&Key::of_content(&hash)).await.map_err(|error| JobError::Wait(error.into()))?;
    }
    Ok(())
}

/// Those that neither an upload has nor a user shows.
async fn unused(app: &App, hashes: Vec<String>) -> Result<Vec<String>, JobError> {
    if hashes.is_empty() {
        return Ok(hashes);
    }
    let (had, shown) = (collect::referenced(&app.shards, &hashes).await?, shown(app, &hashes).await?);
    Ok(hashes.into_iter().filter(|hash| !had.contains(hash) && !shown.contains(hash)).collect())
}

/// Nothing is collected while accounts cannot tell what users show.
async fn shown(app: &App, hashes: &[String]) -> Result<HashSet<String>, JobError> {
    app.accounts.images(hashes).await.map_err(|error| JobError::Wait(error.into()))
}
