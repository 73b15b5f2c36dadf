use magnitude_cache::Void;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{record_voids, report_drift, write_alone};
use magnitude_sharding::{Error, Write};

use crate::{
    App,
    keyspaces::{self, COUNTS, NEWEST},
    store::{self, id, recount},
};

/// Commits what was put right, and tells the caches; nothing if nothing was.
async fn commit(app: &App, mut write: Write, voids: &[Void]) -> Result<(), Error> {
    if voids.is_empty() {
        write.rollback().await;
        return Ok(());
    }
    record_voids(&mut write, voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, voids).await;
    Ok(())
}

pub(super) async fn authors(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let mut write = write_alone(&app.shards, bucket).await?;
    let page = recount::counts::authors(&mut write, after).await?;
    let mut voids = Vec::new();
    for author in &page.differing {
        let author = id(*author)?;
        voids.extend([keyspaces::author(author).void(), NEWEST.drop(bucket, author)]);
    }
    commit(app, write, &voids).await?;
    report_drift("articles of authors", page.differing.len(), page.differing.len());
    Ok(page.next)
}

pub(super) async fn favoriters(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let mut write = write_alone(&app.shards, bucket).await?;
    let page = recount::counts::favoriters(&mut write, after).await?;
    let mut voids = Vec::new();
    for user in &page.differing {
        voids.push(keyspaces::favorited_by(id(*user)?).void());
    }
    commit(app, write, &voids).await?;
    report_drift("favorites of users", page.differing.len(), page.differing.len());
    Ok(page.next)
}

pub(super) async fn totals(app: &App, bucket: Bucket) -> Result<(), Error> {
    let mut write = write_alone(&app.shards, bucket).await?;
    // The tags last, as in every write: of two that lock both, neither waits for the other in a ring.
    let total = recount::counts::total(&mut write).await?;
    let tags = recount::counts::tags(&mut write).await?;
    let mut voids = keyspaces::tag_voids(&tags);
    voids.extend(total.then(|| keyspaces::all().void()));
    commit(app, write, &voids).await?;
    report_drift("articles of tags", tags.len(), tags.len());
    report_drift("articles of buckets", total.into(), total.into());
    Ok(())
}

/// One article at a time, since those who favorite it wait meanwhile.
pub(super) async fn favorites(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let page = recount::favorites::page(&app.shards, bucket, after).await?;
    let mut mended = 0;
    for article in page.differing {
        mended += usize::from(mend_favorites(app, id(article)?).await?);
    }
    report_drift("favorites of articles", mended, mended);
    Ok(page.next)
}

async fn mend_favorites(app: &App, article: Id) -> Result<bool, Error> {
    let mut write = app.shards.write(article.bucket()).await?;
    store::favorites::close(&mut write, article).await?;
    let mended = recount::favorites::mend(&mut write, article).await?;
    let voids = mended.then(|| COUNTS.drop(article.bucket(), article));
    commit(app, write, voids.as_slice()).await?;
    Ok(mended)
}

pub(super) async fn tags(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let page = recount::tags::page(&app.shards, bucket, after).await?;
    let mut mended = 0;
    for article in page.differing {
        mended += mend_tags(app, id(article)?).await?;
    }
    report_drift("tags of articles", mended, mended);
    Ok(page.next)
}

/// Under the lock that every change of an article takes. Alone, so that nobody counts the tags meanwhile.
async fn mend_tags(app: &App, article: Id) -> Result<usize, Error> {
    let mut write = write_alone(&app.shards, article.bucket()).await?;
    let found = store::articles::lock(&mut write, article).await?;
    let wanted = found.as_ref().map_or(&[][..], |found| &found.head.tags);
    let changed = recount::tags::mend(&mut write, article, wanted).await?;
    let mut voids = keyspaces::tag_voids(&changed);
    if let Some(found) = found.filter(|_| !changed.is_empty()) {
        // Its author's pages of one tag.
        voids.push(keyspaces::author(found.head.author).void());
    }
    commit(app, write, &voids).await?;
    Ok(changed.len())
}
