//! What is given up: kept in `jobs.dead`, to be read, replayed or dropped.

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards};
use uuid::Uuid;

use crate::row::Ticket;

/// Of a message that nobody can read so much is kept.
const KEPT: usize = 64 * 1024;

const PARK: &str = "
    with gone as (delete from jobs.jobs where bucket = $1 and id = $2 and turn = $4 and (select sharding.guard($1)) returning *)
    insert into jobs.dead (bucket, id, kind, payload, attempt, reason, created_at, lane, version, max_tries, unique_key, parent, traceparent)
    select bucket, id, kind, payload, attempt, $3, created_at, lane, version, max_tries, unique_key, parent, traceparent from gone
    on conflict do nothing";

const PARK_STRAY: &str = "
    insert into jobs.dead (bucket, id, kind, payload, attempt, reason, created_at)
    select $1, $2, 'unreadable', $3, 0, $4, clock_timestamp() where (select sharding.guard($1))";

/// A job whose row is there.
pub(crate) async fn park(shards: &Shards, ticket: &Ticket, reason: &str) -> Result<(), Error> {
    shards.execute(ticket.bucket, PARK, |q| q.bind(ticket.id).bind(reason).bind(ticket.turn)).await.map(drop)
}

/// A message that names no row: in the bucket of its queue's name, for want of its own.
pub(crate) async fn park_stray(shards: &Shards, queue: &str, body: &[u8], reason: &str) -> Result<(), Error> {
    let kept = String::from_utf8_lossy(&body[..body.len().min(KEPT)]).replace('\0', "\u{fffd}");
    let (id, kept) = (Uuid::new_v4(), sqlx::types::Json(kept));
    tracing::error!(queue, reason, "a message cannot be read and is parked in jobs.dead");
    shards.execute(Bucket::of_name(queue), PARK_STRAY, |q| q.bind(id).bind(&kept).bind(reason)).await.map(drop)
}
