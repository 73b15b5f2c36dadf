//! Hands the due rows of one shard to the broker, or runs them here while there is none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, ShardName};
use sqlx::FromRow;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{Lane, broker::Broker, publish::Publisher, row::Ticket, worker::Worker};

/// How often due rows are looked for: at once after some were found, more and more rarely while there are none.
const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(100);
/// After a failure: the shard is down, or a bucket is being moved.
const ASIDE: Duration = Duration::from_millis(250);
/// Rows of a lane at a time.
const BATCH: u32 = 500;
/// Messages of a lane in the broker, beyond which its rows wait where they are: each comes to its turn before it would be published again.
const WINDOW: u32 = 10_000;

/// The broker has a minute for it; after that the row is published again. The row's lock is skipped and not waited for, no transaction stays
/// open, and rows of buckets that this shard does not own are left alone. `$1` are lanes, `$2` how many of each. The commit waits for no
/// disk and no standby: a failover that forgets it has the rows published once more, and what runs twice shows once.
const TAKE: &str = "
    with due as (
        select j.bucket, j.id from unnest($1::text[], $2::int[]) l (lane, most) cross join lateral (
            select bucket, id from jobs.jobs
            where lane = l.lane and greatest(due_at, published_until) <= statement_timestamp()
              and exists (select from sharding.buckets b where b.bucket = jobs.bucket and b.state = 'owned')
            order by greatest(due_at, published_until) limit l.most for update skip locked) j
        where not exists (select from jobs.paused p where p.lane = l.lane))
    update jobs.jobs j set published_until = clock_timestamp() + interval '1 minute'
    from due where j.bucket = due.bucket and j.id = due.id
      and (select bool_and(sharding.guard(bucket)) from (select distinct bucket from due) home)
      and (select set_config('synchronous_commit', 'off', true)) = 'off'
    returning j.lane, j.bucket, j.id, j.turn, j.traceparent";

#[derive(FromRow)]
pub(crate) struct Taken {
    lane: String,
    #[sqlx(try_from = "i16")]
    bucket: Bucket,
    pub id: Uuid,
    turn: i32,
    pub traceparent: Option<String>,
}

impl Taken {
    pub fn ticket(&self) -> Ticket {
        Ticket { bucket: self.bucket, id: self.id, turn: self.turn }
    }

    fn lane(&self) -> Lane {
        // Only rows of known lanes are taken.
        Lane::of(&self.lane).unwrap_or(Lane::Default)
    }
}

/// Relays until `stop`.
pub(crate) async fn relay<S: Clone + Send + Sync + 'static>(
    worker: Arc<Worker<S>>,
    broker: Arc<Broker>,
    shard: ShardName,
    stop: CancellationToken,
) {
    let mut pause = SHORT;
    while !stop.is_cancelled() {
        let moved = match broker.publisher() {
            Some(publisher) => hand_over(&worker, &broker, &publisher, &shard).await,
            None => run_here(&worker, &shard).await,
        };
        pause = match moved {
            Ok(0) => (pause * 5 / 4).min(LONG),
            Ok(_) => SHORT,
            Err(error) => {
                tracing::debug!(%shard, %error, "due jobs could not be taken");
                ASIDE
            }
        };
        stop.run_until_cancelled(sleep(pause)).await;
    }
}

/// How many rows the broker has taken, or nobody now.
async fn hand_over<S: Clone + Send + Sync + 'static>(
    worker: &Worker<S>,
    broker: &Broker,
    publisher: &Publisher,
    shard: &str,
) -> Result<usize, Error> {
    let batch = take(worker, shard, |lane| BATCH.min(WINDOW.saturating_sub(broker.depth(lane)))).await?;
    if batch.is_empty() {
        return Ok(0);
    }
    let sure = publisher.publish(&batch, |taken| worker.queues.of(taken.lane())).await;
    let mut back: BTreeMap<Bucket, Vec<Uuid>> = BTreeMap::new();
    for (taken, sure) in batch.iter().zip(sure) {
        if sure {
            metrics::counter!("jobs_relayed_total", "lane" => taken.lane().name()).increment(1);
        } else {
            back.entry(taken.bucket).or_default().push(taken.id);
        }
    }
    // Should some have arrived all the same, they run twice at most and show once.
    for (bucket, ids) in back {
        worker.give_back(bucket, &ids).await?;
    }
    Ok(batch.len())
}

/// While there is no broker, or it takes nothing: as many as have a place, in the same way as what comes through the broker.
async fn run_here<S: Clone + Send + Sync + 'static>(worker: &Arc<Worker<S>>, shard: &str) -> Result<usize, Error> {
    let shards = worker.shards.names().len().max(1);
    let room = |lane| u32::try_from(worker.gate(lane).room().1.div_ceil(shards)).unwrap_or(BATCH);
    if Lane::ALL.into_iter().all(|lane| room(lane) == 0) {
        return Ok(0);
    }
    let taken = take(worker, shard, room).await?;
    let count = taken.len();
    for taken in taken {
        // Another shard's relay may have been faster; whoever has it leaves soon.
        let place = worker.gate(taken.lane()).enter().await;
        let worker = worker.clone();
        worker.running.clone().spawn(async move {
            worker.handle(&taken.ticket()).await;
            drop(place);
        });
    }
    Ok(count)
}

async fn take<S>(worker: &Worker<S>, shard: &str, most: impl Fn(Lane) -> u32) -> Result<Vec<Taken>, Error> {
    let lanes = Lane::ALL.map(Lane::name);
    let most: Vec<i32> = Lane::ALL.map(|lane| most(lane).cast_signed()).to_vec();
    worker.shards.execute_on(shard, TAKE, |q| q.bind(&lanes[..]).bind(&most[..])).await
}
