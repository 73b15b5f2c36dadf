use futures_util::future::join_all;
use sqlx::Postgres;
use tokio::time::Instant;

use crate::{Binds, Error, Shards, bounded::bounded, error::not_owned, read::Row, shards::Cause};

/// Write ids are needed while their client may ask again: a day, and an hour to be sure. Two processes take different rows.
const PURGE_WRITES: &str = "
    delete from sharding.writes w using (
        select w.bucket, w.write_id from sharding.writes w join sharding.buckets b using (bucket)
        where b.state = 'owned' and w.created_at < now() - interval '25 hours'
        order by w.created_at limit 5000 for update of w skip locked) old
    where w.bucket = old.bucket and w.write_id = old.write_id and sharding.guard(old.bucket)
    returning true";

impl Shards {
    /// One statement on the primary of every shard, in parallel, for housekeeping that takes whatever a shard owns and guards
    /// each row itself. A shard that fails is logged and gives no rows: the next round asks it again.
    pub async fn execute_on_all<O: Row>(&self, sql: &'static str, bind: impl Fn(Binds) -> Binds + Send + Sync) -> Vec<O> {
        let shards = 0..self.clusters().len();
        join_all(shards.map(|shard| self.keep_house(shard, sql, bind(Binds::default())))).await.into_iter().flatten().collect()
    }

    /// The same on one shard, for who must know that it failed.
    pub async fn execute_on<O: Row>(
        &self,
        shard: &str,
        sql: &'static str,
        bind: impl Fn(Binds) -> Binds + Send + Sync,
    ) -> Result<Vec<O>, Error> {
        let index = self.names().iter().position(|name| &**name == shard).ok_or(Error::BucketUnavailable)?;
        self.run_on(index, sql, bind(Binds::default())).await
    }

    /// Deletes the write ids that nobody can ask for any more.
    pub async fn purge_writes(&self) {
        while !self.execute_on_all::<(bool,)>(PURGE_WRITES, |q| q).await.is_empty() {}
    }

    async fn keep_house<O: Row>(&self, shard: usize, sql: &'static str, binds: Binds) -> Vec<O> {
        self.run_on(shard, sql, binds).await.unwrap_or_else(|error| {
            tracing::warn!(shard = %self.cluster(shard).name(), error = %Cause(&error), "housekeeping failed on a shard");
            Vec::new()
        })
    }

    async fn run_on<O: Row>(&self, shard: usize, sql: &'static str, binds: Binds) -> Result<Vec<O>, Error> {
        let node = self.writer(shard, Instant::now()).await?;
        let query = sqlx::query_as_with::<Postgres, O, _>(sql, binds.finish()?);
        match bounded(node, self.statement_timeout(), query.fetch_all(node.pool())).await {
            Err(error) if not_owned(&error) => Err(Error::BucketUnavailable),
            done => Ok(done?),
        }
    }
}
