use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Job, Options, enqueue_with};

/// How often a worker looks whether a tick has come.
const LOOK: Duration = Duration::from_millis(500);

type Submit = dyn for<'a> Fn(&'a mut Write, &'static str) -> BoxFuture<'a, Result<(), Error>> + Send + Sync;

/// A job that is written once in a while.
#[derive(Clone)]
pub(crate) struct Schedule {
    name: &'static str,
    every: Duration,
    first: First,
    submit: Arc<Submit>,
}

/// When a schedule that no worker has seen before begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    AtOnce,
    NextTick,
}

const DUE: &str = "
    select coalesce((select tick from jobs.schedules where bucket = $1 and name = $3), -1)
         < floor(extract(epoch from clock_timestamp()) / $4)::bigint
    where (select sharding.owns($1, $2))";

/// The server's clock counts, so that two workers' clocks make no two ticks. Says whether the schedule is new.
const RAISE: &str = "
    insert into jobs.schedules as s (bucket, name, tick) values ($1, $2, floor(extract(epoch from clock_timestamp()) / $3)::bigint)
    on conflict (bucket, name) do update set tick = excluded.tick where s.tick < excluded.tick
    returning xmax = 0";

/// Makes the tick come that was led already, or the next one if it was not.
pub(crate) const RECALL: &str = "update jobs.schedules set tick = -1 where bucket = $1 and name = $2 and (select sharding.guard($1))";

pub(crate) const NAMES: &str = "
    select name from jobs.schedules where bucket in (select bucket from sharding.held) and (select sharding.covers($1)) order by name";

impl Schedule {
    pub fn new<J: Job + Clone>(name: &'static str, every: Duration, first: First, job: J) -> Self {
        let submit: Arc<Submit> = Arc::new(move |write, name| {
            let job = job.clone();
            Box::pin(async move {
                let unique = Some(format!("schedule {name}"));
                enqueue_with(write, &job, Options { unique, ..Options::default() }).await.map(drop)
            })
        });
        Self { name, every, first, submit }
    }

    /// Leads the tick if it has come and nobody did: its row and its job are one transaction.
    async fn tick(&self, shards: &Shards) -> Result<(), Error> {
        let (bucket, every) = (Bucket::of_name(self.name), self.every.as_secs_f64());
        let due: Option<(bool,)> = shards.fetch_optional(bucket, Freshness::Primary, DUE, |q| q.bind(self.name).bind(every)).await?;
        if due != Some((true,)) {
            return Ok(());
        }
        let mut write = shards.write(bucket).await?;
        let raised: Option<bool> =
            sqlx::query_scalar(RAISE).bind(bucket.as_i16()).bind(self.name).bind(every).fetch_optional(&mut *write).await?;
        let Some(new) = raised else {
            write.rollback().await;
            return Ok(());
        };
        if !new || self.first == First::AtOnce {
            (self.submit)(&mut write, self.name).await?;
        }
        write.commit().await.map(drop)
    }
}

/// Looks for ticks until `stop`.
pub(crate) async fn keep(schedules: Vec<Schedule>, shards: Shards, stop: CancellationToken) {
    while !schedules.is_empty() && stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
        for schedule in &schedules {
            if let Err(error) = schedule.tick(&shards).await {
                tracing::warn!(schedule = schedule.name, %error, "a schedule could not be looked at: it is soon again");
            }
        }
    }
}
