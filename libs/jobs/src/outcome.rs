//! What becomes of a row when its job has run.

use std::time::Duration;

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards};

use crate::{JobError, enqueue::delete, sweep::Due};

/// With a delay that doubles from 2 s up to 60 s, the last try is some 7 minutes after the first.
pub(crate) const TRIES: i32 = 12;
/// While a part is down. Short: what waits for it is what readers do not see yet.
const WAIT: Duration = Duration::from_secs(3);

pub(crate) async fn settle(shards: &Shards, due: &Due, outcome: Result<(), JobError>) -> Result<(), Error> {
    let bucket = Bucket::try_from(due.bucket).map_err(|_| Error::BucketUnavailable)?;
    let (name, kept) = match outcome {
        Ok(()) => ("done", delete(shards, bucket, due.id).await),
        Err(JobError::Wait(error)) => ("waiting", postpone(shards, bucket, due, (WAIT, due.attempt - 1), &error).await),
        Err(JobError::Retry(error)) if due.attempt < TRIES => {
            ("retried", postpone(shards, bucket, due, (delay(due.attempt), due.attempt), &error).await)
        }
        Err(JobError::Retry(error) | JobError::GiveUp(error)) => ("dead", park(shards, bucket, due, &error).await),
    };
    metrics::counter!("jobs_swept_total", "kind" => due.kind.clone(), "outcome" => name).increment(1);
    kept
}

fn delay(attempt: i32) -> Duration {
    Duration::from_secs(1 << attempt.clamp(0, 6)).min(Duration::from_mins(1))
}

async fn postpone(
    shards: &Shards,
    bucket: Bucket,
    due: &Due,
    (delay, attempt): (Duration, i32),
    error: &anyhow::Error,
) -> Result<(), Error> {
    tracing::warn!(kind = due.kind, attempt, error = %format_args!("{error:#}"), "a job failed: it is tried again");
    let sql = "update jobs.jobs set due_at = clock_timestamp() + $3 * interval '1 second', attempt = $4
               where bucket = $1 and id = $2 and (select sharding.guard($1))";
    shards.execute(bucket, sql, |q| q.bind(due.id).bind(delay.as_secs_f64()).bind(attempt)).await.map(drop)
}

async fn park(shards: &Shards, bucket: Bucket, due: &Due, error: &anyhow::Error) -> Result<(), Error> {
    tracing::error!(kind = due.kind, attempt = due.attempt, error = %format_args!("{error:#}"), "a job was given up and parked in jobs.dead");
    let sql = "
        with gone as (delete from jobs.jobs where bucket = $1 and id = $2 and (select sharding.guard($1)) returning *)
        insert into jobs.dead (bucket, id, kind, payload, attempt, reason, created_at)
        select bucket, id, kind, payload, attempt, $3, created_at from gone on conflict do nothing";
    shards.execute(bucket, sql, |q| q.bind(due.id).bind(format!("{error:#}"))).await.map(drop)
}
