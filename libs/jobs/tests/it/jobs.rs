//! Jobs that do as they are told.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use magnitude_ids::Bucket;
use magnitude_jobs::{Context, Job, JobError, Lane, Options};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What the jobs of one test share.
#[derive(Clone)]
pub struct State {
    /// How often any of them ran.
    pub runs: Arc<AtomicUsize>,
    /// Who holds is let go on by a permit.
    pub release: Arc<Semaphore>,
}

impl State {
    pub fn new() -> Self {
        Self { runs: Arc::default(), release: Arc::new(Semaphore::new(0)) }
    }

    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

#[derive(Serialize, Deserialize)]
pub enum Obey {
    Succeed,
    Fail,
    /// As when the shard that it needs has no primary.
    FindShardDown,
    GiveUp,
    /// Panics when it runs first.
    PanicOnce,
    /// Waits for a permit.
    Hold,
    /// Leaves a row as [`Leave`] does, and then waits for a permit.
    LeaveAndHold,
}

impl Job for Obey {
    type State = State;
    const KIND: &'static str = "Obey";

    async fn run(&self, state: &State, context: &Context) -> Result<(), JobError> {
        let before = state.runs.fetch_add(1, Ordering::SeqCst);
        match self {
            Self::PanicOnce if before == 0 => panic!("told to panic"),
            Self::Succeed | Self::PanicOnce => Ok(()),
            Self::Hold => {
                state.release.acquire().await?.forget();
                Ok(())
            }
            Self::LeaveAndHold => {
                let mut write = context.write(context.bucket).await?;
                leave(&mut write, context.id).await?;
                write.commit().await?;
                state.release.acquire().await?.forget();
                Ok(())
            }
            Self::Fail => Err(JobError::Retry(anyhow::anyhow!("told to fail"))),
            Self::FindShardDown => Err(magnitude_sharding::Error::Unavailable.into()),
            Self::GiveUp => Err(JobError::GiveUp(anyhow::anyhow!("told to give up"))),
        }
    }
}

/// The same kind as a later release writes it.
#[derive(Serialize, Deserialize)]
pub struct NewerObey;

impl Job for NewerObey {
    type State = State;
    const KIND: &'static str = "Obey";
    const VERSION: i32 = 2;

    async fn run(&self, _: &State, _: &Context) -> Result<(), JobError> {
        Ok(())
    }
}

/// No release registers it.
#[derive(Serialize, Deserialize)]
pub struct Unknown(pub String);

impl Job for Unknown {
    type State = State;
    const KIND: &'static str = "Unknown";

    async fn run(&self, _: &State, _: &Context) -> Result<(), JobError> {
        Ok(())
    }
}

/// Leaves a row in this bucket, through the table of processed jobs.
#[derive(Clone, Serialize, Deserialize)]
pub struct Leave {
    pub bucket: Bucket,
    /// Fails so often after its effect was committed.
    pub fail_after: i32,
}

impl Leave {
    pub fn once() -> Self {
        Self { bucket: crate::bench::bucket(), fail_after: 0 }
    }
}

impl Job for Leave {
    type State = State;
    const KIND: &'static str = "Leave";
    const LANE: Lane = Lane::Critical;

    async fn run(&self, state: &State, context: &Context) -> Result<(), JobError> {
        state.runs.fetch_add(1, Ordering::SeqCst);
        let mut write = context.write(self.bucket).await?;
        leave(&mut write, context.id).await?;
        write.commit().await?;
        if context.attempt < self.fail_after {
            return Err(JobError::Retry(anyhow::anyhow!("failed after its effect")));
        }
        Ok(())
    }
}

/// Leaves so many rows, a hundred a page; each page writes the next one.
#[derive(Serialize, Deserialize)]
pub struct LeaveMany {
    pub left: u32,
}

impl Job for LeaveMany {
    type State = State;
    const KIND: &'static str = "LeaveMany";
    const LANE: Lane = Lane::Bulk;

    async fn run(&self, state: &State, context: &Context) -> Result<(), JobError> {
        state.runs.fetch_add(1, Ordering::SeqCst);
        let mut write = context.write(context.bucket).await?;
        let page = self.left.min(100);
        for _ in 0..page {
            leave(&mut write, context.id).await?;
        }
        if self.left > page {
            context.child(&mut write, &Self { left: self.left - page }, Options::default()).await?;
        }
        write.commit().await?;
        Ok(())
    }
}

async fn leave(write: &mut magnitude_sharding::Write, job: Uuid) -> Result<(), magnitude_sharding::Error> {
    let bucket = write.bucket().as_i16();
    sqlx::query("insert into effects values ($1, $2, $3)").bind(bucket).bind(Uuid::new_v4()).bind(job).execute(&mut **write).await?;
    Ok(())
}
