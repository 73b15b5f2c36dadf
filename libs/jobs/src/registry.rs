use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use magnitude_sharding::Shards;
use tokio_util::sync::CancellationToken;

use crate::{
    Context, Job, JobError, Settings, Walk,
    schedule::{First, Schedule},
    walk::{Begin, Part},
    work,
};

const DAY: Duration = Duration::from_hours(24);

type Run<S> = dyn Fn(S, Context, String) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync;

/// How to run one kind of job.
pub(crate) struct Runner<S> {
    pub version: i32,
    pub run: Arc<Run<S>>,
}

/// The kinds of jobs that a service runs, and those that it writes itself at certain times.
pub struct Jobs<S> {
    pub(crate) service: &'static str,
    pub(crate) runners: HashMap<&'static str, Runner<S>>,
    pub(crate) schedules: Vec<Schedule>,
}

impl<S: Clone + Send + Sync + 'static> Jobs<S> {
    pub fn new(service: &'static str) -> Self {
        Self { service, runners: HashMap::new(), schedules: Vec::new() }
    }

    #[must_use]
    pub fn register<J: Job<State = S>>(mut self) -> Self {
        let run: Arc<Run<S>> = Arc::new(|state, context, payload| {
            Box::pin(async move {
                // A payload that does not decode now will not decode later either.
                let job: J = serde_json::from_str(&payload).map_err(|error| JobError::GiveUp(error.into()))?;
                job.run(&state, &context).await
            })
        });
        self.runners.insert(J::KIND, Runner { version: J::VERSION, run });
        self
    }

    /// Writes this job once every so often, whichever worker comes first: each tick once. A tick that no worker was there for is not made
    /// good, and one whose job still waits writes none.
    #[must_use]
    pub fn schedule<J: Job<State = S> + Clone>(mut self, name: &'static str, every: Duration, job: J) -> Self {
        self.schedules.push(Schedule::new(name, every, First::AtOnce, job));
        self
    }

    /// Walks all buckets at the end of every day (UTC), for the first time at the end of the one in which a worker was there first.
    #[must_use]
    pub fn walk_nightly<W: Walk<State = S>>(self, name: &'static str) -> Self {
        let mut jobs = self.register::<Begin<W>>().register::<Part<W>>();
        jobs.schedules.push(Schedule::new(name, DAY, First::NextTick, Begin::<W>::default()));
        jobs
    }

    /// Runs due jobs of all shards until `stop`; what runs then is finished first. Spawn it.
    pub fn work(self, shards: Shards, state: S, settings: Settings, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        work::work(self, shards, state, settings, stop)
    }
}
