//! What the tests stand on: a cluster, a job that does as it is told, and looks at the tables.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use magnitude_ids::Bucket;
use magnitude_jobs::{Enqueued, Job, JobError, Jobs, enqueue};
use magnitude_kit::{Connected, TestCluster};
use magnitude_sharding::Shards;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub struct Bench {
    pub connected: Connected,
    pub pool: PgPool,
    pub runs: Runs,
    _cluster: TestCluster,
}

/// Counts how often a job ran.
#[derive(Clone, Default)]
pub struct Runs(Arc<AtomicUsize>);

/// A job that does as it is told.
#[derive(Serialize, Deserialize)]
pub enum Obey {
    Succeed,
    Fail,
    /// As when the shard that it needs has no primary.
    FindShardDown,
    GiveUp,
    /// Panics when it runs first.
    PanicOnce,
    /// Never ends when it runs first.
    HangOnce,
}

impl Job<Runs> for Obey {
    const KIND: &'static str = "Obey";

    async fn run(&self, runs: &Runs) -> Result<(), JobError> {
        let before = runs.0.fetch_add(1, Ordering::SeqCst);
        match self {
            Self::PanicOnce if before == 0 => panic!("told to panic"),
            Self::HangOnce if before == 0 => std::future::pending().await,
            Self::Succeed | Self::PanicOnce | Self::HangOnce => Ok(()),
            Self::Fail => Err(JobError::Retry(anyhow::anyhow!("told to fail"))),
            Self::FindShardDown => Err(magnitude_sharding::Error::Unavailable.into()),
            Self::GiveUp => Err(JobError::GiveUp(anyhow::anyhow!("told to give up"))),
        }
    }
}

impl Bench {
    pub async fn new() -> Self {
        let cluster = TestCluster::shards(1, "jobs", || vec![magnitude_jobs::migrations()]).await;
        Self { connected: cluster.connect().await, pool: cluster.pool(0).await, runs: Runs::default(), _cluster: cluster }
    }

    pub fn shards(&self) -> &Shards {
        &self.connected.shards
    }

    /// A committed write with this job.
    pub async fn enqueue(&self, job: Obey) -> Enqueued<Obey> {
        self.enqueue_as(Obey::KIND, job).await
    }

    pub async fn enqueue_as(&self, kind: &'static str, job: Obey) -> Enqueued<Obey> {
        let mut write = self.shards().write(bucket()).await.unwrap();
        let enqueued = enqueue(&mut write, kind, job).await.unwrap();
        write.commit().await.unwrap();
        enqueued
    }

    /// A sweeper that runs while the guard lives.
    pub fn sweep(&self) -> DropGuard {
        let stop = CancellationToken::new();
        self.sweep_until(stop.clone());
        stop.drop_guard()
    }

    /// A sweeper that can be killed.
    pub fn sweep_until(&self, stop: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(Jobs::new().register::<Obey>().sweep(self.shards().clone(), self.runs.clone(), stop))
    }

    /// Changes the waiting rows past the lib.
    pub async fn tamper(&self, set: &str) {
        let sql = format!("begin; select sharding.guard(7::smallint); update jobs.jobs set {set}; commit");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
    }

    pub async fn waiting(&self) -> i64 {
        sqlx::query_scalar("select count(*) from jobs.jobs").fetch_one(&self.pool).await.unwrap()
    }

    /// The reasons of the jobs that were parked.
    pub async fn dead(&self) -> Vec<String> {
        sqlx::query_scalar("select reason from jobs.dead").fetch_all(&self.pool).await.unwrap()
    }
}

impl Runs {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub fn bucket() -> Bucket {
    Bucket::new(7).expect("it is below 4096")
}
