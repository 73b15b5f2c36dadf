use std::time::Duration;

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use uuid::Uuid;

use crate::{Context, Job, JobError, Lane, trace};

/// Time enough for the inline run, which makes the worker's needless.
const INLINE: Duration = Duration::from_secs(1);
/// With a delay that doubles from 2 s up to 60 s, the last try is some 7 minutes after the first.
const TRIES: i32 = 12;

/// How a job is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The job's own lane if none is given.
    pub lane: Option<Lane>,
    pub delay: Duration,
    /// While a job of this kind and key has its row in the bucket, another is not written. The row stays until the job is done, so one that
    /// runs just now counts too.
    pub unique: Option<String>,
    /// How often it may fail before it is parked.
    pub max_tries: i32,
    pub parent: Option<Uuid>,
}

impl Default for Options {
    fn default() -> Self {
        Self { lane: None, delay: Duration::ZERO, unique: None, max_tries: TRIES, parent: None }
    }
}

/// A job whose row was written, to be run inline once its transaction is committed.
#[must_use = "run it with `run_now` after the commit, or it waits for a worker"]
pub struct Enqueued<J> {
    job: J,
    bucket: Bucket,
    id: Uuid,
}

/// Writes the job's row in the transaction, for a request that runs it inline: workers leave it alone for a second.
pub async fn enqueue<J: Job>(write: &mut Write, job: J) -> Result<Enqueued<J>, Error> {
    let (bucket, id) = (write.bucket(), Uuid::new_v4());
    insert(write, id, &job, Options { delay: INLINE, ..Options::default() }).await?;
    Ok(Enqueued { job, bucket, id })
}

/// Writes the row of a job that a worker is to run at once.
pub async fn submit<J: Job>(write: &mut Write, job: &J) -> Result<Uuid, Error> {
    let id = Uuid::new_v4();
    insert(write, id, job, Options::default()).await?;
    Ok(id)
}

/// The same as told; nothing if its unique key is taken.
pub async fn enqueue_with<J: Job>(write: &mut Write, job: &J, options: Options) -> Result<Option<Uuid>, Error> {
    let id = Uuid::new_v4();
    Ok(insert(write, id, job, options).await?.then_some(id))
}

async fn insert<J: Job>(write: &mut Write, id: Uuid, job: &J, options: Options) -> Result<bool, Error> {
    let sql = "
        insert into jobs.jobs (bucket, id, kind, version, payload, lane, max_tries, due_at, unique_key, parent, traceparent)
        values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 second', $9, $10, $11)
        on conflict (bucket, kind, unique_key) where unique_key is not null do nothing";
    let bucket = write.bucket().as_i16();
    let inserted = sqlx::query(sql)
        .bind(bucket)
        .bind(id)
        .bind(J::KIND)
        .bind(J::VERSION)
        .bind(sqlx::types::Json(job))
        .bind(options.lane.unwrap_or(J::LANE).name())
        .bind(options.max_tries)
        .bind(options.delay.as_secs_f64())
        .bind(options.unique)
        .bind(options.parent)
        .bind(trace::current())
        .execute(&mut **write)
        .await?;
    Ok(inserted.rows_affected() > 0)
}

/// Of how many jobs [`left`] looks for the wanted ones: what is older is a worker's.
const LEFT: i64 = 100;

/// Of a kind, what a bucket still has, the newest first; one that a worker runs just now, too.
const PENDING: &str = "
    select id, payload from jobs.jobs
    where bucket = $1 and kind = $3 and version = $4 and (select sharding.owns($1, $2)) order by created_at desc limit $5";

/// The wanted jobs of a kind that stand in a bucket, for a request that finds its write made: who made it may have died before it ran them
/// inline.
pub async fn left<J: Job>(shards: &Shards, bucket: Bucket, wanted: impl Fn(&J) -> bool + Send) -> Result<Vec<Enqueued<J>>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(J::KIND).bind(J::VERSION).bind(LEFT);
    let rows: Vec<(Uuid, serde_json::Value)> = shards.fetch_all(bucket, Freshness::Primary, PENDING, bind).await?;
    // One that cannot be read is parked by a worker, which says why.
    let readable = rows.into_iter().filter_map(|(id, payload)| Some(Enqueued { job: serde_json::from_value(payload).ok()?, bucket, id }));
    Ok(readable.filter(|enqueued| wanted(&enqueued.job)).collect())
}

/// Runs the job at once and deletes its row; what fails is logged and left to a worker. Returns whether it succeeded.
pub async fn run_now<J: Job>(shards: &Shards, state: &J::State, enqueued: Enqueued<J>) -> bool {
    let Enqueued { job, bucket, id } = enqueued;
    let context = Context { id, bucket, attempt: 0, shards: shards.clone() };
    let outcome = match job.run(state, &context).await {
        Ok(()) | Err(JobError::Done) => "done",
        Err(JobError::Wait(error) | JobError::Retry(error) | JobError::GiveUp(error)) => {
            tracing::warn!(kind = J::KIND, error = %format_args!("{error:#}"), "a job failed inline: a worker tries again");
            "failed"
        }
    };
    metrics::counter!("jobs_inline_total", "kind" => J::KIND, "outcome" => outcome).increment(1);
    if outcome == "failed" {
        return false;
    }
    if let Err(error) = delete(shards, bucket, id).await {
        // Harmless: a worker runs it once more.
        tracing::debug!(kind = J::KIND, %error, "a done job's row could not be deleted");
    }
    true
}

/// The effect is committed on its own before. So this commit waits for no disk and no standby: a failover that forgets it has the job run
/// once more, and what runs twice shows once.
const DELETE: &str = "
    delete from jobs.jobs where bucket = $1 and id = $2 and (select sharding.guard($1))
      and (select set_config('synchronous_commit', 'off', true)) = 'off'";

pub(crate) async fn delete(shards: &Shards, bucket: Bucket, id: Uuid) -> Result<(), Error> {
    shards.execute(bucket, DELETE, |q| q.bind(id)).await.map(drop)
}
