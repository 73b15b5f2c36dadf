use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use magnitude_database::Node;
use magnitude_ids::Bucket;
use sqlx::{PgConnection, Postgres, SqlSafeStr, pool::PoolConnection, postgres::PgTransactionManager};
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    Answer, Binds, Error, Shards, Stamp, WriteId,
    bounded::bounded,
    error::{lost_connection, not_owned, timed_out},
    read::{Hold, pause},
    settle::Doubt,
    shards::{HOLD, stamp_on},
};

/// A write that may go on, or the same write, made before: with its answer, if that was kept.
pub enum Begun {
    New(Write),
    Repeated(Option<Answer>),
}

/// A transaction in one bucket, on its shard's primary, with the guard taken and its write id inserted. Dropped without
/// a commit it rolls back.
pub struct Write {
    connection: PoolConnection<Postgres>,
    shards: Shards,
    shard: usize,
    node: Arc<Node>,
    bucket: Bucket,
    id: WriteId,
    attempt: Uuid,
    deadline: Instant,
    phase: Phase,
}

enum Phase {
    /// Nobody knows whether BEGIN arrived.
    Beginning,
    Open,
    Ended,
}

/// A committed write: its bucket, and the stamp that readers of replicas need to see it.
#[derive(Clone, Debug)]
pub struct Committed {
    pub bucket: Bucket,
    pub stamp: Stamp,
}

impl Shards {
    /// BEGIN, then the bucket's guard and the write id in one statement. While the guard refuses, the map is refreshed and the request
    /// held; while the shard has no primary, the request waits for one until the write deadline.
    pub async fn begin(&self, bucket: Bucket, id: &WriteId) -> Result<Begun, Error> {
        let deadline = Instant::now() + self.settings().write_deadline();
        let mut hold = Hold::new();
        loop {
            let map = self.map();
            let Some((shard, _)) = map.owner(bucket) else {
                hold.on(self, map.generation, Error::BucketUnavailable).await?;
                continue;
            };
            match self.begin_on(shard, bucket, id, deadline).await {
                Err(Error::Database(error)) if not_owned(&error) => hold.on(self, map.generation, Error::BucketUnavailable).await?,
                // Nothing was written before COMMIT, so a lost connection here is safe to try again.
                Err(Error::Unavailable) if Instant::now() < deadline => pause().await,
                Err(error) if id.outlives && is_held(&error) => {
                    // Whoever holds it is dead: what it sent to the database before still has to end.
                    if Instant::now() >= deadline {
                        return Err(Error::Unknown);
                    }
                    pause().await;
                }
                done => return done,
            }
        }
    }

    /// A write that nobody will ask for again.
    pub async fn write(&self, bucket: Bucket) -> Result<Write, Error> {
        match self.begin(bucket, &WriteId::random()).await? {
            Begun::New(write) => Ok(write),
            Begun::Repeated(_) => Err(Error::Unknown),
        }
    }

    /// One guarded statement in a transaction of its own, for what can be repeated safely. `$1` is the bucket; the statement
    /// must contain `(select sharding.guard($1))` as a condition; own arguments start at `$2`. Returns how many rows it changed.
    pub async fn execute(&self, bucket: Bucket, sql: &'static str, bind: impl Fn(Binds) -> Binds + Send + Sync) -> Result<u64, Error> {
        let mut hold = Hold::new();
        loop {
            let map = self.map();
            let refused = match map.owner(bucket) {
                None => Error::BucketUnavailable,
                Some((shard, _)) => {
                    let node = self.writer(shard, Instant::now() + HOLD).await?;
                    let arguments = bind(Binds::default().bind(bucket.as_i16())).finish()?;
                    match bounded(node, self.statement_timeout(), sqlx::query_with(sql, arguments).execute(node.pool())).await {
                        Ok(done) => return Ok(done.rows_affected()),
                        Err(error) if not_owned(&error) => Error::BucketUnavailable,
                        Err(error) if lost_connection(&error) => Error::Unavailable,
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            hold.on(self, map.generation, refused).await?;
        }
    }

    async fn begin_on(&self, shard: usize, bucket: Bucket, id: &WriteId, deadline: Instant) -> Result<Begun, Error> {
        let node = self.writer(shard, deadline).await?;
        bounded(node, self.statement_timeout(), async {
            let mut write = Write {
                connection: node.pool().acquire().await?,
                shards: self.clone(),
                shard,
                node: node.clone(),
                bucket,
                id: id.clone(),
                attempt: Uuid::new_v4(),
                deadline,
                phase: Phase::Beginning,
            };
            // The guard refuses any other isolation level.
            PgTransactionManager::begin(&mut write.connection, Some("begin isolation level read committed".into_sql_str())).await?;
            write.phase = Phase::Open;
            guarded(write).await
        })
        .await
    }
}

/// Whether another transaction has the write's id and has not ended yet: it is locked, or its row was waited for until the statement's end.
fn is_held(error: &Error) -> bool {
    match error {
        Error::InProgress => true,
        Error::Database(error) => timed_out(error),
        _ => false,
    }
}

/// Takes the guard and the id.
async fn guarded(mut write: Write) -> Result<Begun, Error> {
    if write.id.is_keyed() && !try_lock(&mut write).await? {
        write.rollback().await;
        return Err(Error::InProgress);
    }
    let id = write.id.clone();
    if insert_id(&mut write, &id).await? {
        return Ok(Begun::New(write));
    }
    let answer = first_answer(&mut write).await;
    write.rollback().await;
    answer.map(Begun::Repeated)
}

/// Two requests with one key: the second is told so instead of waiting for the first.
async fn try_lock(write: &mut Write) -> Result<bool, Error> {
    let high = write.id.id.as_u64_pair().0.cast_signed();
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(high).fetch_one(&mut **write).await?)
}

/// Takes the guard and inserts the id. False when the id is there: a key counts for 24 h. A client may try again what was settled as
/// never to come; a write whose id was told to another bucket may not, since that bucket has acted on it.
async fn insert_id(write: &mut Write, id: &WriteId) -> Result<bool, Error> {
    let inserted: Option<bool> = sqlx::query_scalar(
        "insert into sharding.writes as w (bucket, write_id, attempt, fingerprint)
         select $1, $2, $3, $4 from (select sharding.guard($1) as passed) g where g.passed
         on conflict (bucket, write_id) do update
            set attempt = excluded.attempt, fingerprint = excluded.fingerprint, status = null, answer = null, created_at = clock_timestamp()
            where w.created_at < now() - interval '24 hours' or (w.attempt is null and not $5)
         returning true",
    )
    .bind(write.bucket.as_i16())
    .bind(id.id)
    .bind(write.attempt)
    .bind(id.fingerprint.map(Vec::from))
    .bind(id.told)
    .fetch_optional(&mut **write)
    .await?;
    Ok(inserted.is_some())
}

async fn first_answer(write: &mut Write) -> Result<Option<Answer>, Error> {
    let (bucket, id) = (write.bucket.as_i16(), write.id.id);
    let (attempt, fingerprint, status, answer): (Option<Uuid>, Option<Vec<u8>>, Option<i16>, Option<String>) =
        sqlx::query_as("select attempt, fingerprint, status, answer from sharding.writes where bucket = $1 and write_id = $2")
            .bind(bucket)
            .bind(id)
            .fetch_one(&mut **write)
            .await?;
    if attempt.is_none() {
        return Err(Error::GivenUp);
    }
    if fingerprint != write.id.fingerprint.map(Vec::from) {
        return Err(Error::KeyReused);
    }
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(status.map(|status| Answer { status, body: answer.unwrap_or_default() }))
}

impl Write {
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    pub fn write_id(&self) -> Uuid {
        self.id.id
    }

    /// This try of the write; what it records for others is found by it.
    pub fn attempt(&self) -> Uuid {
        self.attempt
    }

    /// Whether a client may ask for the first answer again.
    pub fn is_keyed(&self) -> bool {
        self.id.is_keyed()
    }

    /// The same write under another id, for one that was begun under an id that another bucket was told. False if it was made before: then
    /// this transaction must not be committed.
    pub async fn is_also(&mut self, id: &WriteId) -> Result<bool, Error> {
        insert_id(self, id).await
    }

    /// Keeps the answer that a repetition gets.
    pub async fn keep_answer(&mut self, status: u16, body: &str) -> Result<(), Error> {
        let (bucket, id) = (self.bucket.as_i16(), self.id.id);
        sqlx::query("update sharding.writes set status = $3, answer = $4 where bucket = $1 and write_id = $2")
            .bind(bucket)
            .bind(id)
            .bind(status.cast_signed())
            .bind(body)
            .execute(&mut **self)
            .await?;
        Ok(())
    }

    /// COMMIT, then the stamp, on the same connection. A commit without an answer, because the connection broke or the node is no
    /// longer primary, is settled by the write id on whichever node is, until the write deadline; after that it is [`Error::Unknown`].
    pub async fn commit(mut self) -> Result<Committed, Error> {
        match self.try_commit().await {
            Some(Ok(stamp)) => return Ok(Committed { bucket: self.bucket, stamp }),
            // The server answered that it did not commit.
            Some(Err(error)) if !lost_connection(&error) => return Err(error.into()),
            Some(Err(_)) | None => {}
        }
        // The state of this connection is not known: it must not serve another request.
        self.phase = Phase::Ended;
        self.connection.close_on_drop();
        self.node.doubt();
        let doubt = Doubt { bucket: self.bucket, id: self.id.id, attempt: self.attempt, deadline: self.deadline };
        self.shards.settle(doubt).await
    }

    /// Nothing when it is not worth waiting any longer.
    async fn try_commit(&mut self) -> Option<Result<Stamp, sqlx::Error>> {
        let (shards, node) = (self.shards.clone(), self.node.clone());
        let cluster = shards.cluster(self.shard);
        let commit = async {
            PgTransactionManager::commit(&mut self.connection).await?;
            self.phase = Phase::Ended;
            stamp_on(&mut self.connection, cluster.name()).await
        };
        tokio::select! {
            biased;
            done = timeout_at(self.deadline, commit) => done.ok(),
            () = cluster.moved_from(&node) => None,
        }
    }

    pub async fn rollback(mut self) {
        if PgTransactionManager::rollback(&mut self.connection).await.is_ok() {
            self.phase = Phase::Ended;
        }
    }
}

impl Deref for Write {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        match self.phase {
            // It might be inside of a transaction that the driver knows nothing of.
            Phase::Beginning => self.connection.close_on_drop(),
            // Sent before the next statement on this connection.
            Phase::Open => PgTransactionManager::start_rollback(&mut self.connection),
            Phase::Ended => {}
        }
    }
}
