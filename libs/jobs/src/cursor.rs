//! Reads the log of all shards, each event at least once, in the order of each shard's transactions.

use std::time::Duration;

use magnitude_ids::Bucket;
use magnitude_sharding::Shards;
use serde_json::Value;
use sqlx::FromRow;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often a log is looked at of which the last look found nothing.
const IDLE: Duration = Duration::from_millis(250);
/// How long a reader that failed leaves the cursor to another one, whose line to what it tells may be whole: longer than it holds it.
const ASIDE: Duration = Duration::from_millis(3_500);
/// Events of one shard at a time.
const BATCH: i64 = 500;

/// One entry of the log.
#[derive(Debug, FromRow)]
pub struct Event {
    #[sqlx(try_from = "i16")]
    pub bucket: Bucket,
    pub id: Uuid,
    pub kind: String,
    pub payload: Value,
}

/// Takes the cursor, or keeps it, for three seconds: a process that dies is followed by another one after that. Written once a second
/// only.
const TAKE: &str = "
    insert into jobs.cursors as c (name, xid, seq, holder, until)
    select $1, '0'::xid8, 0, $2, clock_timestamp() + interval '3 seconds'
    where not exists (select from jobs.cursors where name = $1 and until > clock_timestamp() + case when holder = $2 then interval '2 seconds' else '0' end)
    on conflict (name) do update set holder = $2, until = excluded.until where c.holder = $2 or c.until < clock_timestamp()
    returning true";

/// Never past the oldest running transaction: one that began before may yet commit, and would be skipped.
const READ: &str = "
    select e.bucket, e.id, e.kind, e.payload from jobs.cursors c
    join jobs.events e on (e.xid, e.seq) > (c.xid, c.seq)
    where c.name = $1 and c.holder = $2 and c.until > clock_timestamp() and e.xid < pg_snapshot_xmin(pg_current_snapshot())
    order by e.xid, e.seq limit $3";

/// Sets the cursor behind these events, of which each shard has its own.
const ADVANCE: &str = "
    update jobs.cursors c set xid = last.xid, seq = last.seq
    from (select xid, seq from jobs.events where id = any($3) order by xid desc, seq desc limit 1) last
    where c.name = $1 and c.holder = $2 and (last.xid, last.seq) > (c.xid, c.seq)
    returning true";

/// What all cursors have passed, or nobody has read for an hour: what caches hold has expired by then.
const FORGET: &str = "
    delete from jobs.events e using (
        select e.bucket, e.id from jobs.events e join sharding.buckets b using (bucket)
        where b.state = 'owned' and (e.created_at < now() - interval '1 hour'
            or not exists (select from jobs.cursors c where (c.xid, c.seq) < (e.xid, e.seq)))
        order by e.xid, e.seq limit 1000) old
    where e.bucket = old.bucket and e.id = old.id and sharding.guard(old.bucket)
    returning true";

/// Gives `handle` the events of all shards until `stop`, as the reader called `name`; of many processes one reads. What it fails on
/// comes again until it succeeds. Spawn it.
pub async fn follow<F, Fut>(shards: Shards, name: &'static str, handle: F, stop: CancellationToken)
where
    F: Fn(Vec<Event>) -> Fut + Send + Sync,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let reader = Uuid::new_v4();
    while !stop.is_cancelled() {
        shards.execute_on_all::<(bool,)>(TAKE, |q| q.bind(name).bind(reader)).await;
        let events: Vec<Event> = shards.execute_on_all(READ, |q| q.bind(name).bind(reader).bind(BATCH)).await;
        let pause = match step(&shards, name, reader, events, &handle).await {
            Step::Handled => continue,
            Step::Nothing => IDLE,
            Step::Failed => ASIDE,
        };
        stop.run_until_cancelled(sleep(pause)).await;
    }
}

enum Step {
    Nothing,
    Handled,
    Failed,
}

async fn step<F, Fut>(shards: &Shards, name: &'static str, reader: Uuid, events: Vec<Event>, handle: &F) -> Step
where
    F: Fn(Vec<Event>) -> Fut + Send + Sync,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    if events.is_empty() {
        return Step::Nothing;
    }
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    if let Err(error) = handle(events).await {
        metrics::counter!("events_failed_total", "reader" => name).increment(1);
        tracing::warn!(reader = name, error = %format_args!("{error:#}"), "events were not handled: they come again");
        return Step::Failed;
    }
    metrics::counter!("events_read_total", "reader" => name).increment(ids.len() as u64);
    shards.execute_on_all::<(bool,)>(ADVANCE, |q| q.bind(name).bind(reader).bind(&ids)).await;
    shards.execute_on_all::<(bool,)>(FORGET, |q| q).await;
    Step::Handled
}
