use std::ops::{Deref, DerefMut};

use magnitude_ids::Bucket;
use sqlx::{PgConnection, Postgres, SqlSafeStr, pool::PoolConnection, postgres::PgTransactionManager};
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    Answer, Binds, Error, Shards, Stamp, WriteId,
    error::{lost_connection, not_owned},
    read::Hold,
    shards::{HOLD, stamp_on},
};

/// A write that may go on, or the answer of the same write when it was made first.
pub enum Begun {
    New(Write),
    Repeated(Answer),
}

/// A transaction in one bucket, on its shard's primary, with the guard taken and its write id inserted. Dropped without
/// a commit it rolls back.
pub struct Write {
    connection: PoolConnection<Postgres>,
    shards: Shards,
    shard: usize,
    bucket: Bucket,
    id: WriteId,
    attempt: Uuid,
    deadline: Instant,
    open: bool,
}

/// A committed write: its bucket, and the stamp that readers of replicas need to see it.
#[derive(Clone, Debug)]
pub struct Committed {
    pub bucket: Bucket,
    pub stamp: Stamp,
}

impl Shards {
    /// BEGIN, then the bucket's guard and the write id in one statement. While the guard refuses, the map is refreshed and
    /// the request held.
    pub async fn begin(&self, bucket: Bucket, id: &WriteId) -> Result<Begun, Error> {
        let deadline = Instant::now() + self.settings().write_deadline();
        let mut hold = Hold::new();
        loop {
            let map = self.map();
            let refused = match map.owner(bucket) {
                None => Error::BucketUnavailable,
                Some((shard, _)) => match self.begin_on(shard, bucket, id, deadline).await {
                    Err(Error::Database(error)) if not_owned(&error) => Error::BucketUnavailable,
                    // Nothing was written before COMMIT, so a lost connection here is safe to try again.
                    Err(Error::Unavailable) => Error::Unavailable,
                    done => return done,
                },
            };
            hold.on(self, map.generation, refused).await?;
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
    /// must contain `sharding.guard($1)` as a condition; own arguments start at `$2`. Returns how many rows it changed.
    pub async fn execute(&self, bucket: Bucket, sql: &'static str, bind: impl Fn(Binds) -> Binds + Send + Sync) -> Result<u64, Error> {
        let mut hold = Hold::new();
        loop {
            let map = self.map();
            let refused = match map.owner(bucket) {
                None => Error::BucketUnavailable,
                Some((shard, _)) => {
                    let pool = self.primary(shard, HOLD).await?;
                    let arguments = bind(Binds::default().bind(bucket.as_i16())).finish()?;
                    match sqlx::query_with(sql, arguments).execute(pool).await {
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

    /// Whether the write of this id was committed in this bucket; if not, it never will be.
    pub async fn was_committed(&self, bucket: Bucket, id: Uuid) -> Result<bool, Error> {
        Ok(settled(self, bucket, id).await?.is_some())
    }

    async fn begin_on(&self, shard: usize, bucket: Bucket, id: &WriteId, deadline: Instant) -> Result<Begun, Error> {
        let pool = self.primary(shard, HOLD).await?;
        let mut connection = pool.acquire().await?;
        // The guard refuses any other isolation level.
        PgTransactionManager::begin(&mut connection, Some("begin isolation level read committed".into_sql_str())).await?;
        let attempt = Uuid::new_v4();
        let mut write = Write { connection, shards: self.clone(), shard, bucket, id: id.clone(), attempt, deadline, open: true };
        if id.is_keyed() && !try_lock(&mut write).await? {
            write.rollback().await;
            return Err(Error::InProgress);
        }
        if insert_id(&mut write).await? {
            return Ok(Begun::New(write));
        }
        let answer = first_answer(&mut write).await;
        write.rollback().await;
        answer.map(Begun::Repeated)
    }
}

/// Two requests with one key: the second is told so instead of waiting for the first.
async fn try_lock(write: &mut Write) -> Result<bool, Error> {
    let high = write.id.id.as_u64_pair().0.cast_signed();
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(high).fetch_one(&mut **write).await?)
}

/// Takes the guard and inserts the id. False when the id is there: a key counts for 24 h. A client may try again what was settled as
/// never to come; a write whose id was told to another bucket may not, since that bucket has acted on it.
async fn insert_id(write: &mut Write) -> Result<bool, Error> {
    let (bucket, id, fingerprint) = (write.bucket.as_i16(), write.id.id, write.id.fingerprint.map(Vec::from));
    let inserted: Option<bool> = sqlx::query_scalar(
        "insert into sharding.writes as w (bucket, write_id, attempt, fingerprint)
         select $1, $2, $3, $4 from (select sharding.guard($1) as passed) g where g.passed
         on conflict (bucket, write_id) do update
            set attempt = excluded.attempt, fingerprint = excluded.fingerprint, status = null, answer = null, created_at = clock_timestamp()
            where w.created_at < now() - interval '24 hours' or (w.attempt is null and $4 is not null)
         returning true",
    )
    .bind(bucket)
    .bind(id)
    .bind(write.attempt)
    .bind(fingerprint)
    .fetch_optional(&mut **write)
    .await?;
    Ok(inserted.is_some())
}

async fn first_answer(write: &mut Write) -> Result<Answer, Error> {
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
    let status = status.and_then(|status| u16::try_from(status).ok()).ok_or(Error::Unknown)?;
    Ok(Answer { status, body: answer.unwrap_or_default() })
}

impl Write {
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    pub fn write_id(&self) -> Uuid {
        self.id.id
    }

    /// Keeps the answer that a repetition of the idempotency key gets; nothing to keep without a key.
    pub async fn keep_answer(&mut self, status: u16, body: &str) -> Result<(), Error> {
        if !self.id.is_keyed() {
            return Ok(());
        }
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

    /// COMMIT, then the stamp, on the same connection. A commit without an answer is settled by the write id on whichever
    /// node is primary, until the write deadline; after that it is [`Error::Unknown`].
    pub async fn commit(mut self) -> Result<Committed, Error> {
        match timeout_at(self.deadline, PgTransactionManager::commit(&mut self.connection)).await {
            Ok(Ok(())) => {
                self.open = false;
                let name = self.shards.cluster(self.shard).name().clone();
                if let Ok(Ok(stamp)) = timeout_at(self.deadline, stamp_on(&mut self.connection, &name)).await {
                    return Ok(Committed { bucket: self.bucket, stamp });
                }
            }
            // The server answered that it did not commit.
            Ok(Err(error)) if !lost_connection(&error) => return Err(error.into()),
            Ok(Err(_)) | Err(_) => {}
        }
        // The state of this connection is not known: it must not serve another request.
        self.open = false;
        self.connection.close_on_drop();
        settle(&self.shards, self.bucket, self.id.id, self.attempt, self.deadline).await
    }

    pub async fn rollback(mut self) {
        if PgTransactionManager::rollback(&mut self.connection).await.is_ok() {
            self.open = false;
        }
    }
}

/// Finds out what became of a commit: the same id is inserted again. A conflict with this attempt says that it was committed;
/// anything else makes sure that it never will be.
async fn settle(shards: &Shards, bucket: Bucket, id: Uuid, attempt: Uuid, deadline: Instant) -> Result<Committed, Error> {
    metrics::counter!("database_commits_unsettled_total").increment(1);
    let settling = async {
        loop {
            match try_settle(shards, bucket, id, attempt).await {
                Ok(settled) => return settled,
                Err(error) => tracing::debug!(%error, %bucket, "a commit could not be settled yet"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    timeout_at(deadline, settling).await.unwrap_or(Err(Error::Unknown))
}

async fn try_settle(shards: &Shards, bucket: Bucket, id: Uuid, attempt: Uuid) -> Result<Result<Committed, Error>, Error> {
    if settled(shards, bucket, id).await? != Some(attempt) {
        return Ok(Err(Error::Unavailable));
    }
    let stamp = shards.current_stamp(bucket).await?;
    Ok(Ok(Committed { bucket, stamp }))
}

/// The attempt that committed this id; from now on nothing else will.
async fn settled(shards: &Shards, bucket: Bucket, id: Uuid) -> Result<Option<Uuid>, Error> {
    let map = shards.map();
    let (shard, _) = map.owner(bucket).ok_or(Error::BucketUnavailable)?;
    let pool = shards.primary(shard, HOLD).await?;
    // Waits for whoever has inserted the id and not yet ended.
    let barred: Option<bool> = sqlx::query_scalar(
        "insert into sharding.writes (bucket, write_id)
         select $1, $2 from (select sharding.guard($1) as passed) g where g.passed
         on conflict (bucket, write_id) do nothing returning true",
    )
    .bind(bucket.as_i16())
    .bind(id)
    .fetch_optional(pool)
    .await?;
    if barred.is_some() {
        return Ok(None);
    }
    let attempt = sqlx::query_scalar("select attempt from sharding.writes where bucket = $1 and write_id = $2");
    Ok(attempt.bind(bucket.as_i16()).bind(id).fetch_one(pool).await?)
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
        if self.open {
            // Sent before the next statement on this connection.
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}

impl Shards {
    /// One statement on the primary of every shard, in parallel, for housekeeping that takes whatever a shard owns and guards
    /// each row itself. A shard that fails is logged and gives no rows: the next round asks it again.
    pub async fn execute_on_all<O: crate::read::Row>(&self, sql: &'static str) -> Vec<O> {
        let runs = (0..self.clusters().len()).map(async |shard| {
            let pool = self.primary(shard, std::time::Duration::ZERO).await?;
            Ok::<_, Error>(sqlx::query_as::<_, O>(sql).fetch_all(pool).await?)
        });
        let mut rows = Vec::new();
        for (shard, result) in futures_util::future::join_all(runs).await.into_iter().enumerate() {
            match result {
                Ok(found) => rows.extend(found),
                Err(error) => {
                    tracing::warn!(shard = %self.cluster(shard).name(), error = %crate::shards::Cause(&error), "housekeeping failed on a shard");
                }
            }
        }
        rows
    }
}
