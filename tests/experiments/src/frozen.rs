//! A router with a frozen map: it keeps writing to the shard that owned a bucket when it began, past every service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use magnitude_ids::Bucket;
use sqlx::PgConnection;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{databases::Databases, owners::Owners};

const PAUSE: Duration = Duration::from_millis(10);

/// What the services' own writes begin with: the guard and a row of a protected table, which moves with its bucket.
const WRITE: &str = "
    insert into sharding.writes (bucket, write_id, attempt, status, answer)
    select $1, $2, $2, 200, $3 from (select sharding.guard($1) as passed) g where g.passed
    on conflict (bucket, write_id) do update set answer = excluded.answer";
const FIND: &str = "select answer from sharding.writes where bucket = $1 and write_id = $2";
const FORGET: &str = "delete from sharding.writes where bucket = $1 and write_id = $2 and (select sharding.guard($1))";

/// Raised by the guard.
const NOT_OWNED: &str = "MG001";

pub struct Frozen {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<Vec<Target>>>,
    databases: Databases,
    answers: Arc<AtomicUsize>,
}

/// What came of its writes.
pub struct Written {
    pub accepted: usize,
    pub refused: usize,
    /// Writes that a shard accepted after it had let go of the bucket: the owner does not have them.
    pub violations: Vec<String>,
}

/// One row that is written again and again, with a number that grows.
struct Target {
    service: &'static str,
    bucket: Bucket,
    shard: usize,
    id: Uuid,
    sent: u64,
    accepted: u64,
    times: usize,
    refused: usize,
}

impl Frozen {
    /// Writes to these buckets of these services where they are now, in turn, until it is stopped.
    pub fn start(databases: &Databases, owners: &Owners, buckets: &[(&'static str, Bucket)]) -> anyhow::Result<Self> {
        let target = |(service, bucket): &(&'static str, Bucket)| {
            let shard = owners.number(service, *bucket).with_context(|| format!("bucket {bucket} of {service} has no owner"))?;
            Ok(Target { service, bucket: *bucket, shard, id: Uuid::new_v4(), sent: 0, accepted: 0, times: 0, refused: 0 })
        };
        let targets = buckets.iter().map(target).collect::<anyhow::Result<Vec<_>>>()?;
        let (stop, answers) = (CancellationToken::new(), Arc::default());
        let task = tokio::spawn(run(databases.clone(), targets, stop.clone(), Arc::clone(&answers)));
        Ok(Self { stop, task, databases: databases.clone(), answers })
    }

    /// How many of its writes were accepted or refused so far.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Ends it and asks each bucket's owner what it has. Takes its rows away again. No move may be under way.
    pub async fn stop(self) -> anyhow::Result<Written> {
        self.stop.cancel();
        let targets = self.task.await.context("the frozen router panicked")??;
        let owners = Owners::read(&self.databases).await?;
        let mut violations = Vec::new();
        for target in &targets {
            violations.extend(target.judge(&self.databases, &owners).await?);
        }
        let (accepted, refused) = (targets.iter().map(|target| target.times).sum(), targets.iter().map(|target| target.refused).sum());
        Ok(Written { accepted, refused, violations })
    }
}

async fn run(
    databases: Databases,
    mut targets: Vec<Target>,
    stop: CancellationToken,
    answers: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Target>> {
    let mut lines = std::collections::HashMap::new();
    while !targets.is_empty() && !stop.is_cancelled() {
        for target in &mut targets {
            let place = (target.service, target.shard);
            let mut line = match lines.remove(&place) {
                Some(line) => line,
                None => databases.primary(target.shard, target.service).await?,
            };
            // A broken line is made anew, to whichever node is primary by then.
            if target.write(&mut line).await {
                lines.insert(place, line);
                answers.fetch_add(1, Ordering::Relaxed);
            }
            stop.run_until_cancelled(sleep(PAUSE)).await;
        }
    }
    Ok(targets)
}

impl Target {
    /// False when the connection is of no more use.
    async fn write(&mut self, line: &mut PgConnection) -> bool {
        self.sent += 1;
        let write = sqlx::query(WRITE).bind(self.bucket.as_i16()).bind(self.id).bind(self.sent.to_string()).execute(line).await;
        match write {
            Ok(_) => {
                self.accepted = self.sent;
                self.times += 1;
                true
            }
            Err(error) => {
                let refused = error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some(NOT_OWNED);
                self.refused += usize::from(refused);
                refused
            }
        }
    }

    /// The owner has the last number that was accepted, or a later one whose answer was lost.
    async fn judge(&self, databases: &Databases, owners: &Owners) -> anyhow::Result<Option<String>> {
        let (service, bucket) = (self.service, self.bucket);
        let Some(shard) = owners.number(service, bucket) else { return Ok(Some(format!("{service}: bucket {bucket} has no owner"))) };
        let mut primary = databases.primary(shard, service).await?;
        let answer: Option<String> = sqlx::query_scalar(FIND).bind(bucket.as_i16()).bind(self.id).fetch_optional(&mut primary).await?;
        let found = answer.and_then(|answer| answer.parse().ok()).unwrap_or(0);
        sqlx::query(FORGET).bind(bucket.as_i16()).bind(self.id).execute(&mut primary).await?;
        let sentence = format!(
            "{service}: {} accepted write {} of the frozen router to bucket {bucket}, and its owner {} has write {found}",
            owners.shards()[self.shard],
            self.accepted,
            owners.shards()[shard]
        );
        Ok((!(self.accepted..=self.sent).contains(&found)).then_some(sentence))
    }
}
