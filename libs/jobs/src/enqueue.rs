use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards, Write};
use serde::Serialize;
use uuid::Uuid;

use crate::Job;

/// A job whose row was written, to be run inline once its transaction is committed.
#[must_use = "run it with `run_now` after the commit, or it waits for the sweeper"]
pub struct Enqueued<J> {
    job: J,
    bucket: Bucket,
    id: Uuid,
}

/// Writes the job's row in the transaction. It is due in a second: time enough for the inline run, which makes the
/// sweeper's needless.
pub async fn enqueue<J: Serialize>(write: &mut Write, kind: &'static str, job: J) -> Result<Enqueued<J>, Error> {
    let (bucket, id) = (write.bucket(), Uuid::new_v4());
    sqlx::query(
        "insert into jobs.jobs (bucket, id, kind, payload, due_at) values ($1, $2, $3, $4, clock_timestamp() + interval '1 second')",
    )
    .bind(bucket.as_i16())
    .bind(id)
    .bind(kind)
    .bind(sqlx::types::Json(&job))
    .execute(&mut **write)
    .await?;
    Ok(Enqueued { job, bucket, id })
}

/// Runs the job at once and deletes its row; what fails is logged and left to the sweeper. Returns whether it succeeded.
pub async fn run_now<S: Sync, J: Job<S>>(shards: &Shards, state: &S, enqueued: Enqueued<J>) -> bool {
    if let Err(error) = enqueued.job.run(state).await {
        tracing::warn!(kind = J::KIND, error = %format_args!("{:#}", error.cause()), "a job failed inline: the sweeper tries again");
        metrics::counter!("jobs_inline_total", "kind" => J::KIND, "outcome" => "failed").increment(1);
        return false;
    }
    metrics::counter!("jobs_inline_total", "kind" => J::KIND, "outcome" => "done").increment(1);
    if let Err(error) = delete(shards, enqueued.bucket, enqueued.id).await {
        // Harmless: the sweeper runs it once more.
        tracing::debug!(kind = J::KIND, %error, "a done job's row could not be deleted");
    }
    true
}

pub(crate) async fn delete(shards: &Shards, bucket: Bucket, id: Uuid) -> Result<(), Error> {
    let sql = "delete from jobs.jobs where bucket = $1 and id = $2 and (select sharding.guard($1))";
    shards.execute(bucket, sql, |q| q.bind(id)).await.map(drop)
}
