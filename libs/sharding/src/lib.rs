//! skeleton: signatures that services and libs may rely on; bodies follow
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use std::{collections::HashMap, sync::Arc, time::Duration};
use magnitude_ids::{Bucket, Id};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, Postgres, postgres::{PgArguments, PgRow}, query::{Query, QueryAs}};
use tokio_util::sync::CancellationToken;

/// `[database]` and `[[shards]]` of a service's settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings { /* user, database, password, pools, timeouts, replica_max_lag_ms, write_deadline_ms */ }
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSettings { pub name: String, pub nodes: Vec<String> }

pub type ShardName = Arc<str>;

/// How far the log of a shard must have been replayed for a replica to answer. Text form `shard/timeline/lsn-in-hex`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp { pub shard: ShardName, pub position: magnitude_database::Position }

/// Where a read may be answered.
#[derive(Clone, Debug)]
pub enum Freshness { Primary, AtLeast(Stamp) }

/// The same for reads that touch many shards: a shard without an entry reads its primary.
pub type ShardFreshness = HashMap<ShardName, Stamp>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no shard owns the bucket now")] BucketUnavailable,
    #[error("the database could not be reached in time")] Unavailable,
    #[error("the outcome of the write is not known")] Unknown,
    #[error("another request with this idempotency key is being worked on")] InProgress,
    #[error("this idempotency key was used with another body")] KeyReused,
    #[error("database")] Database(#[source] sqlx::Error),
}
impl From<sqlx::Error> for Error { fn from(e: sqlx::Error) -> Self { Self::Database(e) } }

/// What makes one logical write recognizable: random, or derived from an idempotency key.
#[derive(Clone, Debug)]
pub struct WriteId { /* id: uuid::Uuid, keyed: Option<body fingerprint> */ }
impl WriteId {
    pub fn random() -> Self { todo!() }
    /// owner: user id or email; route: method and path; body: what must be the same when the key is used again.
    pub fn from_key(owner: &str, route: &str, key: &str, body: &[u8]) -> Self { todo!() }
    pub fn id(&self) -> uuid::Uuid { todo!() }
}

/// The first answer to an idempotent write, as it was stored with its effect.
#[derive(Clone, Debug)]
pub struct Answer { pub status: u16, pub body: String }

pub enum Begun { New(Write), Repeated(Answer) }

/// A transaction in one bucket of one shard, on its primary, with the bucket's guard taken and the write_id inserted.
/// Derefs to `PgConnection`. Dropping it rolls back.
pub struct Write {}
impl Write {
    pub fn bucket(&self) -> Bucket { todo!() }
    pub fn write_id(&self) -> uuid::Uuid { todo!() }
    /// Keeps the answer that a repetition of the same idempotency key gets; does nothing for a random WriteId.
    pub async fn keep_answer(&mut self, status: u16, body: &str) -> Result<(), Error> { todo!() }
    /// COMMIT, then the LSN. A commit without an answer is settled by the write_id within the write deadline.
    pub async fn commit(self) -> Result<Committed, Error> { todo!() }
    pub async fn rollback(self) { todo!() }
}
impl std::ops::Deref for Write { type Target = PgConnection; fn deref(&self) -> &PgConnection { todo!() } }
impl std::ops::DerefMut for Write { fn deref_mut(&mut self) -> &mut PgConnection { todo!() } }

/// A committed write: its bucket and the stamp that readers of replicas need.
#[derive(Clone, Debug)]
pub struct Committed { pub bucket: Bucket, pub stamp: Stamp }

pub type Q<'q, O> = QueryAs<'q, Postgres, O, PgArguments>;

/// Every shard of one service.
#[derive(Clone)]
pub struct Shards {}
impl Shards {
    /// Connects lazily: the watcher future must be spawned by the caller, and runs until `stop`.
    pub fn connect(settings: &Settings, shards: &[ShardSettings], stop: CancellationToken) -> anyhow::Result<(Self, futures_util::future::BoxFuture<'static, ()>)> { todo!() }
    /// Waits until every shard answered once and the map is loaded.
    pub async fn ready(&self) -> anyhow::Result<()> { todo!() }
    pub fn names(&self) -> Vec<ShardName> { todo!() }
    pub fn shard_of(&self, bucket: Bucket) -> Result<ShardName, Error> { todo!() }

    /// One bucket's read, at most one row. The SQL sees $1 = bucket (smallint), $2 = epoch (bigint) and must contain
    /// `and (select sharding.owns($1, $2))`; own binds start at $3.
    pub async fn fetch_optional<O>(&self, bucket: Bucket, freshness: Freshness, sql: &'static str, bind: impl for<'q> Fn(Q<'q, O>) -> Q<'q, O> + Send + Sync) -> Result<Option<O>, Error>
        where O: for<'r> FromRow<'r, PgRow> + Send + Unpin { todo!() }
    /// The same for many rows.
    pub async fn fetch_all<O>(&self, bucket: Bucket, freshness: Freshness, sql: &'static str, bind: impl for<'q> Fn(Q<'q, O>) -> Q<'q, O> + Send + Sync) -> Result<Vec<O>, Error>
        where O: for<'r> FromRow<'r, PgRow> + Send + Unpin { todo!() }
    /// All shards in parallel, one statement each. $1 = the shard's revision; must contain
    /// `and (select sharding.covers($1))`; own binds start at $2. Rows of all shards, unordered.
    pub async fn fetch_from_all<O>(&self, freshness: &ShardFreshness, sql: &'static str, bind: impl for<'q> Fn(Q<'q, O>) -> Q<'q, O> + Send + Sync) -> Result<Vec<O>, Error>
        where O: for<'r> FromRow<'r, PgRow> + Send + Unpin { todo!() }
    /// Items grouped by the shard of their bucket, one statement a shard in parallel; `bind` gets the items of the shard.
    pub async fn fetch_grouped<I, O>(&self, items: &[I], bucket_of: impl Fn(&I) -> Bucket, freshness: &ShardFreshness, sql: &'static str, bind: impl for<'q> Fn(Q<'q, O>, &[&I]) -> Q<'q, O> + Send + Sync) -> Result<Vec<O>, Error>
        where I: Sync, O: for<'r> FromRow<'r, PgRow> + Send + Unpin { todo!() }

    /// BEGIN, the bucket's guard and the write_id in one statement. A refused guard refreshes the map and holds the request, at most 2 s.
    pub async fn begin(&self, bucket: Bucket, write: &WriteId) -> Result<Begun, Error> { todo!() }
    /// `begin` with a random write id, where a repetition cannot be.
    pub async fn write(&self, bucket: Bucket) -> Result<Write, Error> { todo!() }
    /// One guarded statement in a transaction of its own, for what can be repeated safely (clean-up). $1 = bucket; must contain `sharding.guard($1)`.
    pub async fn execute(&self, bucket: Bucket, sql: &'static str, bind: impl for<'q> Fn(Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments> + Send + Sync) -> Result<u64, Error> { todo!() }
    /// The stamp that a read of this bucket would need if it were written now (asks the primary).
    pub async fn current_stamp(&self, bucket: Bucket) -> Result<Stamp, Error> { todo!() }
    /// The same for a whole shard.
    pub async fn current_shard_stamp(&self, shard: &str) -> Result<Stamp, Error> { todo!() }
}

/// The migrations of one owner (`sharding`, `jobs`, or a service), with a history table of its own.
pub struct Migrations { pub owner: &'static str, pub migrator: sqlx::migrate::Migrator }
/// Applies `sharding`'s and the given migrations on all shards under a lock per shard, then spreads buckets if none is owned.
pub async fn migrate(settings: &Settings, shards: &[ShardSettings], migrations: Vec<Migrations>) -> anyhow::Result<()> { todo!() }
/// Fails with the command to run if a shard's schema is older than the compiled migrations.
pub async fn check_schema(shards: &Shards, migrations: &[Migrations]) -> anyhow::Result<()> { todo!() }
