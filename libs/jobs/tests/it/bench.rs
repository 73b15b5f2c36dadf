//! What the tests stand on: a cluster, workers, and looks at the tables.

use std::time::Duration;

use magnitude_ids::Bucket;
use magnitude_jobs::{Enqueued, Job, Jobs, Options, Settings, enqueue, enqueue_with};
use magnitude_kit::{Connected, TestCluster};
use magnitude_sharding::{Migrations, Shards};
use sqlx::PgPool;
use tokio::{
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{
    jobs::{Leave, LeaveMany, Obey, State},
    queue::Queues,
};

pub const SERVICE: &str = "tested";

pub struct Bench {
    pub connected: Connected,
    pub pool: PgPool,
    pub state: State,
    pub broker: Settings,
    // Deletes the test's queues when nobody uses them.
    pub queues: Queues,
    pub cluster: TestCluster,
    _turn: Turn,
}

/// Tests share the broker, but for those that break it.
#[expect(dead_code, reason = "the guards count until they are dropped")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

static BROKER: RwLock<()> = RwLock::const_new(());

/// A worker that ends in order with this value, or when it is told to.
pub struct Worker {
    stop: DropGuard,
    running: JoinHandle<()>,
}

impl Worker {
    /// As after SIGTERM.
    pub async fn stop(self) {
        drop(self.stop);
        let ended = tokio::time::timeout(Duration::from_secs(30), self.running).await;
        ended.expect("it drains in time").expect("it does not panic");
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Turn::Shared(BROKER.read().await)).await
    }

    /// While nobody else needs the broker.
    pub async fn alone() -> Self {
        Self::with(Turn::Alone(BROKER.write().await)).await
    }

    async fn with(turn: Turn) -> Self {
        let cluster = TestCluster::shards(1, "jobs", migrations).await;
        let connected = cluster.connect().await;
        let broker = cluster.broker();
        Self {
            pool: cluster.pool(0).await,
            state: State::new(),
            queues: Queues::new(broker.clone()),
            connected,
            broker,
            cluster,
            _turn: turn,
        }
    }

    pub fn shards(&self) -> &Shards {
        &self.connected.shards
    }

    pub fn work(&self) -> Worker {
        self.work_with(self.broker.clone())
    }

    pub fn work_with(&self, settings: Settings) -> Worker {
        self.start(jobs(), settings)
    }

    pub fn start(&self, jobs: Jobs<State>, settings: Settings) -> Worker {
        let stop = CancellationToken::new();
        let running = tokio::spawn(jobs.work(self.shards().clone(), self.state.clone(), settings, stop.clone()));
        Worker { stop: stop.drop_guard(), running }
    }

    /// A worker makes the queues and ends.
    pub async fn make_queues(&self) {
        let worker = self.work();
        self.queues.consumed_by(1).await;
        worker.stop().await;
    }

    /// A committed write with a job that nobody runs inline.
    pub async fn submit<J: Job>(&self, job: &J) -> Uuid {
        self.submit_with(job, Options::default()).await.expect("it has no unique key")
    }

    pub async fn submit_with<J: Job>(&self, job: &J, options: Options) -> Option<Uuid> {
        let mut write = self.shards().write(bucket()).await.unwrap();
        let id = enqueue_with(&mut write, job, options).await.unwrap();
        write.commit().await.unwrap();
        id
    }

    pub async fn enqueue<J: Job>(&self, job: J) -> Enqueued<J> {
        let mut write = self.shards().write(bucket()).await.unwrap();
        let enqueued = enqueue(&mut write, job).await.unwrap();
        write.commit().await.unwrap();
        enqueued
    }

    /// Changes the waiting rows past the lib.
    pub async fn tamper(&self, set: &str) {
        let sql = format!("begin; select sharding.guard(7::smallint); update jobs.jobs set {set}; commit");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub async fn waiting(&self) -> i64 {
        self.count("select count(*) from jobs.jobs").await
    }

    pub async fn effects(&self) -> i64 {
        self.count("select count(*) from effects").await
    }

    /// The reasons of the jobs that were parked.
    pub async fn dead(&self) -> Vec<String> {
        sqlx::query_scalar("select reason from jobs.dead").fetch_all(&self.pool).await.unwrap()
    }
}

pub fn migrations() -> Vec<Migrations> {
    vec![magnitude_jobs::migrations(), Migrations::new("effects", sqlx::migrate!("tests/it/migrations"))]
}

pub fn jobs() -> Jobs<State> {
    Jobs::new(SERVICE).register::<Obey>().register::<Leave>().register::<LeaveMany>()
}

pub fn bucket() -> Bucket {
    Bucket::new(7).expect("it is below 4096")
}
