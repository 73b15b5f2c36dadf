//! What carries a job to a worker, and the row that says what to do. The message names the row only: the row is the truth.

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Freshness, Shards};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use uuid::Uuid;

/// Larger payloads are parked: they would hold up all that waits behind them.
pub(crate) const LARGEST: i64 = 1 << 20;

/// The body of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub bucket: Bucket,
    pub id: Uuid,
    /// The row's when it was published; another one now makes the message stale.
    pub turn: i32,
}

#[derive(FromRow)]
pub(crate) struct Row {
    pub kind: String,
    pub version: i32,
    /// Absent if it is larger than it may be.
    pub payload: Option<String>,
    pub size: i32,
    pub lane: String,
    pub attempt: i32,
    pub max_tries: i32,
    pub traceparent: Option<String>,
    /// Seconds since it was due.
    pub waited: f64,
    /// Its lane rests.
    pub paused: bool,
    /// It would be published again while it runs.
    pub lapses: bool,
}

const LOAD: &str = "
    select kind, version, case when octet_length(body) <= $5 then body end as payload, octet_length(body) as size, lane, attempt, max_tries,
           traceparent, extract(epoch from clock_timestamp() - greatest(due_at, created_at))::float8 as waited,
           exists (select from jobs.paused p where p.lane = j.lane) as paused,
           coalesce(published_until < clock_timestamp() + interval '30 seconds', true) as lapses
    from jobs.jobs j cross join lateral (select payload::text) content (body)
    where bucket = $1 and id = $3 and turn = $4 and (select sharding.owns($1, $2))";

impl Ticket {
    /// Nothing if the job is done, or was put off since.
    pub async fn load(&self, shards: &Shards) -> Result<Option<Row>, Error> {
        shards.fetch_optional(self.bucket, Freshness::Primary, LOAD, |q| q.bind(self.id).bind(self.turn).bind(LARGEST)).await
    }
}
