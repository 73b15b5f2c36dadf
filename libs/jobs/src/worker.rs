//! Runs the job that a ticket names, and keeps its outcome in the row.

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    Context, JobError, Lane, Settings,
    gate::Gate,
    outcome::{LONGEST, settle},
    queues::Queues,
    registry::Runner,
    row::{LARGEST, Row, Ticket},
    trace::traced,
};

pub(crate) struct Worker<S> {
    pub runners: HashMap<&'static str, Runner<S>>,
    pub shards: Shards,
    pub state: S,
    pub settings: Settings,
    pub queues: Queues,
    pub gates: [Arc<Gate>; 3],
    /// What runs; the gates bound it.
    pub running: TaskTracker,
}

/// The publication is held for another while, so that the job is not published again as it runs.
const HOLD: &str = "
    update jobs.jobs set published_until = clock_timestamp() + interval '1 minute'
    where bucket = $1 and id = $2 and turn = $3 and (select sharding.guard($1))";

/// Gives tickets back: their rows are due as before.
const GIVE_BACK: &str = "
    update jobs.jobs set published_until = null where bucket = $1 and id = any($2) and (select sharding.guard($1))";

impl<S: Clone + Send + Sync + 'static> Worker<S> {
    pub fn gate(&self, lane: Lane) -> &Arc<Gate> {
        &self.gates[lane.index()]
    }

    /// Does all that the ticket asks for. What cannot be kept now comes again when its publication lapses.
    pub async fn handle(&self, ticket: &Ticket) {
        let outcome = self.try_handle(ticket, None).await;
        if let Err(error) = outcome {
            tracing::warn!(job.id = %ticket.id, %error, "a job's row could not be read or its outcome kept: it comes again within a minute");
        }
    }

    /// The broker gave up on it, since those who took it ended or went away: a failed try.
    pub async fn fail(&self, ticket: &Ticket, reason: String) -> Result<(), Error> {
        self.try_handle(ticket, Some(reason)).await
    }

    async fn try_handle(&self, ticket: &Ticket, failed: Option<String>) -> Result<(), Error> {
        let Some(row) = ticket.load(&self.shards).await? else {
            metrics::counter!("jobs_stale_total").increment(1);
            return Ok(());
        };
        let lane = Lane::of(&row.lane).unwrap_or(Lane::Default);
        if row.paused {
            return self.give_back(ticket.bucket, &[ticket.id]).await;
        }
        let outcome = match failed {
            Some(reason) => Err(JobError::Retry(anyhow::anyhow!(reason))),
            None => self.run(lane, ticket, &row).await?,
        };
        let name = settle(&self.shards, ticket, &row, outcome).await?;
        metrics::counter!("jobs_total", "kind" => row.kind, "lane" => lane.name(), "outcome" => name).increment(1);
        Ok(())
    }

    async fn run(&self, lane: Lane, ticket: &Ticket, row: &Row) -> Result<Result<(), JobError>, Error> {
        let (runner, payload) = match self.readable(row) {
            Ok(readable) => readable,
            Err(reason) => return Ok(Err(JobError::GiveUp(anyhow::anyhow!(reason)))),
        };
        if row.lapses {
            self.shards.execute(ticket.bucket, HOLD, |q| q.bind(ticket.id).bind(ticket.turn)).await?;
        }
        if row.attempt == 0 {
            metrics::histogram!("jobs_start_seconds", "lane" => lane.name()).record(row.waited);
        }
        let context = Context { id: ticket.id, bucket: ticket.bucket, attempt: row.attempt, shards: self.shards.clone() };
        let span = tracing::info_span!("job", kind = row.kind, id = %ticket.id, traceparent = row.traceparent);
        let job = traced(row.traceparent.clone(), (runner.run)(self.state.clone(), context, payload.to_owned()));
        let begun = Instant::now();
        let outcome = match timeout(LONGEST, AssertUnwindSafe(job).catch_unwind().instrument(span)).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(JobError::Retry(anyhow::anyhow!("the job panicked"))),
            Err(_) => Err(JobError::Retry(anyhow::anyhow!("it took longer than {LONGEST:?}"))),
        };
        let strained = matches!(outcome, Err(JobError::Wait(_))) || begun.elapsed() >= LONGEST;
        self.gate(lane).learn(&row.kind, begun.elapsed(), strained);
        metrics::histogram!("jobs_run_seconds", "kind" => row.kind.clone()).record(begun.elapsed().as_secs_f64());
        Ok(outcome)
    }

    /// What runs it, or why nothing here can.
    fn readable<'a>(&'a self, row: &'a Row) -> Result<(&'a Runner<S>, &'a str), String> {
        let Some(runner) = self.runners.get(row.kind.as_str()) else {
            return Err(format!("this release knows no job {}", row.kind));
        };
        if row.version > runner.version {
            return Err(format!("version {} is newer than {}, which this release knows", row.version, runner.version));
        }
        match &row.payload {
            Some(payload) => Ok((runner, payload)),
            None => Err(format!("its payload of {} bytes is larger than {LARGEST}", row.size)),
        }
    }

    pub async fn give_back(&self, bucket: Bucket, ids: &[Uuid]) -> Result<(), Error> {
        self.shards.execute(bucket, GIVE_BACK, |q| q.bind(ids)).await.map(drop)
    }
}
