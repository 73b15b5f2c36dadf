//! Writes jobs, as a service would in the transaction of a write, and remembers which ones exist for sure.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Job, Options};
use magnitude_sharding::{Error, Shards};
use magnitude_social::jobs::NotifyFollowed;
use rand::seq::IndexedRandom;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{SERVICE, audit::Pair};
use crate::{databases::Databases, probe};

/// Enough that two jobs seldom wait for one reader's row.
const READERS: usize = 4_096;
const WRITERS: usize = 4;
/// In a transaction of the flow.
const TOGETHER: usize = 5;
/// The same where only speed counts.
const BULK: usize = 50;

/// What the shards answered.
#[derive(Clone, Default)]
pub struct Told {
    pub acknowledged: Vec<Pair>,
    /// They exist or not.
    pub unknown: Vec<Pair>,
}

#[derive(Clone)]
pub struct Feed {
    shards: Shards,
    readers: Arc<Vec<Id>>,
    told: Arc<Mutex<Told>>,
    _router: Arc<DropGuard>,
}

/// Writers at work.
pub struct Flow {
    stop: CancellationToken,
    writers: JoinSet<()>,
}

impl Feed {
    pub async fn connect(databases: &Databases) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let (shards, watch) = Shards::connect(&probe::settings(databases, SERVICE)?, &probe::shards(databases), stop.clone())?;
        tokio::spawn(watch);
        shards.ready().await?;
        let readers = (0..READERS).map(|_| Id::new(Bucket::random(), SystemTime::now())).collect();
        Ok(Self { shards, readers: Arc::new(readers), told: Arc::default(), _router: Arc::new(stop.drop_guard()) })
    }

    pub fn told(&self) -> Told {
        self.told.lock().expect("no holder of this lock panics").clone()
    }

    /// Jobs of one transaction; with the moment of its answer, in seconds of the Unix clock, if it was acknowledged.
    pub async fn write(&self, jobs: usize) -> Option<(Vec<Pair>, f64)> {
        let followee = *self.readers.choose(&mut rand::rng())?;
        let mut followers = BTreeSet::new();
        // One whom the same random numbers drew before would be told of twice.
        while followers.len() < jobs {
            followers.insert(Id::new(Bucket::random(), SystemTime::now()));
        }
        let job = |follower: &Id| NotifyFollowed { follower: *follower, followee };
        let jobs: Vec<_> = followers.iter().map(|follower| (job(follower), Options::default())).collect();
        let committed = self.commit(followee.bucket(), &jobs).await;
        let pairs: Vec<Pair> = followers.iter().map(|follower| (followee.as_i64(), follower.as_i64())).collect();
        let mut told = self.told.lock().expect("no holder of this lock panics");
        match committed {
            Ok(_) => {
                told.acknowledged.extend(&pairs);
                Some((pairs, now()))
            }
            Err(Error::Unknown) => {
                told.unknown.extend(pairs);
                None
            }
            // Nothing was written.
            Err(_) => None,
        }
    }

    /// One transaction with these jobs, of any kind; their ids.
    pub async fn commit<J: Job>(&self, bucket: Bucket, jobs: &[(J, Options)]) -> Result<Vec<Uuid>, Error> {
        let (mut write, mut ids) = (self.shards.write(bucket).await?, Vec::new());
        for (job, options) in jobs {
            ids.extend(magnitude_jobs::enqueue_with(&mut write, job, options.clone()).await?);
        }
        write.commit().await.map(|_| ids)
    }

    /// Writes as fast as it goes until so many are acknowledged in all.
    pub async fn fill_up(&self, jobs: usize) -> anyhow::Result<()> {
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS * 4 {
            let feed = self.clone();
            writers.spawn(async move {
                let mut failed = 0;
                while feed.acknowledged() < jobs && failed < 100 {
                    failed += usize::from(feed.write(BULK).await.is_none());
                }
            });
        }
        writers.join_all().await;
        ensure!(self.acknowledged() >= jobs, "the shards take no jobs");
        Ok(())
    }

    pub fn acknowledged(&self) -> usize {
        self.told.lock().expect("no holder of this lock panics").acknowledged.len()
    }

    /// Writes at a steady pace, so many a second. A writer that a fault held up catches up.
    pub fn flow(&self, rate: u32) -> Flow {
        let (stop, mut writers) = (CancellationToken::new(), JoinSet::new());
        let every = Duration::from_secs(1).mul_f64(crate::load::count(TOGETHER * WRITERS) / f64::from(rate));
        for _ in 0..WRITERS {
            let (feed, stop) = (self.clone(), stop.clone());
            writers.spawn(async move {
                let mut next = Instant::now();
                while !stop.is_cancelled() {
                    feed.write(TOGETHER).await;
                    next += every;
                    sleep_until(next).await;
                }
            });
        }
        Flow { stop, writers }
    }
}

impl Flow {
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        while let Some(writer) = self.writers.join_next().await {
            writer.context("a writer panicked")?;
        }
        Ok(())
    }
}

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
