use magnitude_ids::Bucket;
use magnitude_jobs::{report_drift, write_alone};
use magnitude_sharding::{Error, Write};
use uuid::Uuid;

use crate::{App, store::recount};

pub(super) async fn unread(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let mut write = write_alone(&app.shards, bucket).await?;
    let (next, mended) = recount::counts::unread(&mut write, after).await?;
    commit(app, write, "unread counts", mended).await?;
    Ok(next)
}

pub(super) async fn others(app: &App, bucket: Bucket, after: Uuid) -> Result<Option<Uuid>, Error> {
    let mut write = write_alone(&app.shards, bucket).await?;
    let (next, mended) = recount::counts::others(&mut write, after).await?;
    commit(app, write, "actors of notifications", mended).await?;
    Ok(next)
}

/// Nothing of it is cached, but replicas must have it before they answer.
async fn commit(app: &App, write: Write, what: &'static str, mended: i64) -> Result<(), Error> {
    if mended == 0 {
        write.rollback().await;
    } else {
        app.cache.wrote(&write.commit().await?, &[]).await;
    }
    let mended = usize::try_from(mended).unwrap_or_default();
    report_drift(what, mended, mended);
    Ok(())
}
