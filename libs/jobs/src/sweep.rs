use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use magnitude_sharding::Shards;
use serde_json::Value;
use sqlx::FromRow;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    JobError,
    outcome::{TRIES, settle},
    registry::Runner,
};

/// How often due rows are looked for when the last look found none.
const IDLE: Duration = Duration::from_millis(250);
/// Jobs at once. No more rows are taken than can start, so that the lease of a row does not run out while it waits for its turn.
const AT_ONCE: usize = 16;
/// A row taken by a sweeper that died is due again after its lease of 30 s; no job may run as long.
const LONGEST: Duration = Duration::from_secs(25);
const REPORT: Duration = Duration::from_mins(1);

#[derive(FromRow)]
pub(crate) struct Due {
    pub bucket: i16,
    pub id: Uuid,
    pub kind: String,
    pub payload: Value,
    pub attempt: i32,
}

/// Takes due rows by moving their due time past the lease, so that no transaction stays open while they run. The guard
/// comes with each row; rows of buckets that this shard does not own are left alone, and so are those of kinds that this release
/// does not know: another one may.
const TAKE: &str = "
    update jobs.jobs j set due_at = clock_timestamp() + interval '30 seconds', attempt = j.attempt + 1
    from (select bucket, id from jobs.jobs
          where due_at <= clock_timestamp() and kind = any($1)
            and exists (select from sharding.buckets b where b.bucket = jobs.bucket and b.state = 'owned')
          order by due_at limit $2 for update skip locked) due
    where j.bucket = due.bucket and j.id = due.id and sharding.guard(due.bucket)
    returning j.bucket, j.id, j.kind, j.payload, j.attempt";

const UNKNOWN: &str = "
    select kind, count(*) from jobs.jobs where due_at < clock_timestamp() - interval '1 minute' and kind <> all($1) group by kind";

pub(crate) async fn sweep<S: Clone + Send + Sync + 'static>(
    runners: HashMap<&'static str, Runner<S>>,
    shards: Shards,
    state: S,
    stop: CancellationToken,
) {
    let kinds: Vec<&str> = runners.keys().copied().collect();
    let (places, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    let mut report = Instant::now();
    while !stop.is_cancelled() {
        if report.elapsed() > REPORT {
            report_unknown(&shards, &kinds).await;
            report = Instant::now();
        }
        let taken = take(&shards, &kinds, &places).await;
        let idle = taken.is_empty();
        for due in taken {
            let place = places.clone().acquire_owned().await.expect("nobody closes it");
            let (run, shards, state) = (runners.get(due.kind.as_str()).cloned(), shards.clone(), state.clone());
            running.spawn(async move {
                let _place = place;
                apply(run, &shards, state, &due).await;
            });
        }
        while running.try_join_next().is_some() {}
        if idle {
            stop.run_until_cancelled(sleep(IDLE)).await;
        }
    }
    // What runs is finished: its process may have done half of it.
    running.join_all().await;
}

/// As many as can start now, at least one place being free.
async fn take(shards: &Shards, kinds: &[&str], places: &Semaphore) -> Vec<Due> {
    drop(places.acquire().await);
    let each = (places.available_permits() / shards.names().len().max(1)).max(1);
    shards.execute_on_all(TAKE, |q| q.bind(kinds).bind(i64::try_from(each).unwrap_or(1))).await
}

async fn report_unknown(shards: &Shards, kinds: &[&str]) {
    for (kind, count) in shards.execute_on_all::<(String, i64)>(UNKNOWN, |q| q.bind(kinds)).await {
        tracing::warn!(kind, count, "jobs wait that this release does not know: they are left to one that does");
    }
}

async fn apply<S>(run: Option<Runner<S>>, shards: &Shards, state: S, due: &Due) {
    let outcome = match run {
        // Its last try ended without an outcome: it may be what ends processes.
        _ if due.attempt > TRIES => Err(JobError::GiveUp(anyhow::anyhow!("its last try never ended"))),
        Some(run) => match timeout(LONGEST, AssertUnwindSafe(run(state, due.payload.clone())).catch_unwind()).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(JobError::Retry(anyhow::anyhow!("the job panicked"))),
            Err(elapsed) => Err(elapsed.into()),
        },
        None => Err(JobError::Wait(anyhow::anyhow!("no such kind of job"))),
    };
    if let Err(error) = settle(shards, due, outcome).await {
        tracing::warn!(kind = due.kind, %error, "a job's outcome could not be kept: it runs again after its lease");
    }
}
