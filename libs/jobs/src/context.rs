use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards, Write};
use uuid::Uuid;

use crate::{Job, JobError, Options, enqueue_with};

/// What a running job knows of itself.
pub struct Context {
    pub id: Uuid,
    /// Where its row is.
    pub bucket: Bucket,
    /// How often it has failed before.
    pub attempt: i32,
    pub(crate) shards: Shards,
}

impl Context {
    /// A transaction in the bucket that the job changes, with the job's id in its table of processed ones: committed, the effect shows
    /// just once, however often the job runs. [`JobError::Done`] if it shows already; so a job begins one of these, and a wider one makes
    /// children. Ids are kept for eight days, so a dead job is to be replayed before.
    pub async fn write(&self, bucket: Bucket) -> Result<Write, JobError> {
        once(&self.shards, bucket, self.id).await?.ok_or(JobError::Done)
    }

    /// Writes a part of this job, or its next page, in the job's own transaction.
    pub async fn child<J: Job>(&self, write: &mut Write, job: &J, options: Options) -> Result<Option<Uuid>, Error> {
        enqueue_with(write, job, Options { parent: Some(self.id), ..options }).await
    }
}

/// The same for what comes from elsewhere under an id of its own: a transaction with that id in it, or nothing if its effect shows already.
pub async fn once(shards: &Shards, bucket: Bucket, id: Uuid) -> Result<Option<Write>, Error> {
    let mut write = shards.write(bucket).await?;
    // Waits for another run under the same id that has not committed yet.
    let sql = "insert into jobs.processed (bucket, id) values ($1, $2) on conflict do nothing";
    let inserted = sqlx::query(sql).bind(bucket.as_i16()).bind(id).execute(&mut *write).await?;
    if inserted.rows_affected() == 0 {
        write.rollback().await;
        return Ok(None);
    }
    Ok(Some(write))
}
