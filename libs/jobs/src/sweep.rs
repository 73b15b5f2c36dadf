use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt, stream};
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards};
use serde_json::Value;
use sqlx::FromRow;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{JobError, enqueue::delete, registry::Runner};

/// How often due rows are looked for when the last look found none.
const IDLE: Duration = Duration::from_millis(250);
/// A row taken by a sweeper that died is due again after this long; no job may run longer.
const LEASE: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 8;
/// With a delay that doubles from 1 s up to 60 s, the last try is some 6 minutes after the first.
const TRIES: i32 = 12;

#[derive(FromRow)]
struct Due {
    bucket: i16,
    id: Uuid,
    kind: String,
    payload: Value,
    attempt: i32,
}

/// Takes due rows by moving their due time past the lease, so that no transaction stays open while they run. The guard
/// comes with each row; rows of buckets that this shard does not own are left alone.
const TAKE: &str = "
    update jobs.jobs j set due_at = clock_timestamp() + interval '30 seconds', attempt = j.attempt + 1
    from (select bucket, id from jobs.jobs
          where due_at <= clock_timestamp()
            and exists (select from sharding.buckets b where b.bucket = jobs.bucket and b.state = 'owned')
          order by due_at limit 100 for update skip locked) due
    where j.bucket = due.bucket and j.id = due.id and sharding.guard(due.bucket)
    returning j.bucket, j.id, j.kind, j.payload, j.attempt";

pub(crate) async fn sweep<S: Clone + Send + Sync + 'static>(
    runners: HashMap<&'static str, Runner<S>>,
    shards: Shards,
    state: S,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let taken = shards.execute_on_all::<Due>(TAKE).await;
        let idle = taken.is_empty();
        stream::iter(taken).for_each_concurrent(AT_ONCE, |due| apply(&runners, &shards, &state, due)).await;
        if idle {
            stop.run_until_cancelled(tokio::time::sleep(IDLE)).await;
        }
    }
}

async fn apply<S: Clone>(runners: &HashMap<&'static str, Runner<S>>, shards: &Shards, state: &S, due: Due) {
    let outcome = match runners.get(due.kind.as_str()) {
        Some(run) => {
            let work = std::panic::AssertUnwindSafe(run(state.clone(), due.payload.clone()));
            let work = futures_util::FutureExt::catch_unwind(work);
            match tokio::time::timeout(LEASE, work).await {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err(JobError::Retry(anyhow::anyhow!("the job panicked"))),
                Err(elapsed) => Err(elapsed.into()),
            }
        }
        None => Err(JobError::GiveUp(anyhow::anyhow!("no such kind of job"))),
    };
    if let Err(error) = settle(shards, &due, outcome).await {
        tracing::warn!(kind = due.kind, %error, "a job's outcome could not be kept: it runs again after its lease");
    }
}

async fn settle(shards: &Shards, due: &Due, outcome: Result<(), JobError>) -> Result<(), Error> {
    let bucket = Bucket::try_from(due.bucket).map_err(|_| Error::BucketUnavailable)?;
    let (name, kept) = match outcome {
        Ok(()) => ("done", delete(shards, bucket, due.id).await),
        Err(JobError::Retry(error)) if due.attempt < TRIES => ("retried", postpone(shards, bucket, due, &error).await),
        Err(JobError::Retry(error) | JobError::GiveUp(error)) => ("dead", park(shards, bucket, due, &error).await),
    };
    metrics::counter!("jobs_swept_total", "kind" => due.kind.clone(), "outcome" => name).increment(1);
    kept
}

async fn postpone(shards: &Shards, bucket: Bucket, due: &Due, error: &anyhow::Error) -> Result<(), Error> {
    tracing::warn!(kind = due.kind, attempt = due.attempt, error = %format_args!("{error:#}"), "a job failed: it is tried again");
    let delay_ms = 1_000_i64 << due.attempt.clamp(0, 6);
    let delay_ms = delay_ms.min(60_000);
    let sql = "update jobs.jobs set due_at = clock_timestamp() + $3 * interval '1 millisecond' where bucket = $1 and id = $2 and sharding.guard($1)";
    shards.execute(bucket, sql, |q| q.bind(due.id).bind(delay_ms)).await.map(drop)
}

async fn park(shards: &Shards, bucket: Bucket, due: &Due, error: &anyhow::Error) -> Result<(), Error> {
    tracing::error!(kind = due.kind, attempt = due.attempt, error = %format_args!("{error:#}"), "a job was given up and parked in jobs.dead");
    let sql = "
        with gone as (delete from jobs.jobs where bucket = $1 and id = $2 and sharding.guard($1) returning *)
        insert into jobs.dead (bucket, id, kind, payload, attempt, reason, created_at)
        select bucket, id, kind, payload, attempt, $3, created_at from gone on conflict do nothing";
    shards.execute(bucket, sql, |q| q.bind(due.id).bind(format!("{error:#}"))).await.map(drop)
}
