//! What became of a commit whose answer was lost.

use std::sync::Arc;

use magnitude_database::Node;
use magnitude_ids::Bucket;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    Committed, Error, Shards,
    bounded::bounded,
    error::timed_out,
    read::{Hold, pause},
    shards::{Cause, HOLD},
};

/// A commit in doubt.
#[derive(Clone, Copy)]
pub(crate) struct Doubt {
    pub bucket: Bucket,
    pub id: Uuid,
    pub attempt: Uuid,
    pub deadline: Instant,
}

/// Waits for a conflicting row's transaction to end, so the answer is about what is committed. A row without an attempt bars the id.
const BAR: &str = "
    insert into sharding.writes (bucket, write_id)
    select $1, $2 from (select sharding.guard($1) as passed) g where g.passed
    on conflict (bucket, write_id) do nothing returning true";

const ATTEMPT: &str = "select attempt from sharding.writes where bucket = $1 and write_id = $2";

impl Shards {
    /// Whether the write of this id was committed in this bucket; if not, it never will be.
    pub async fn was_committed(&self, bucket: Bucket, id: Uuid) -> Result<bool, Error> {
        let mut hold = Hold::new();
        loop {
            let seen = self.map().generation;
            match self.settled(bucket, id).await {
                Ok(attempt) => return Ok(attempt.is_some()),
                Err(error @ (Error::BucketUnavailable | Error::Unavailable)) => hold.on(self, seen, error).await?,
                // Its transaction has not ended.
                Err(Error::Database(error)) if timed_out(&error) => return Err(Error::Unavailable),
                Err(error) => return Err(error),
            }
        }
    }

    /// Finds out what became of a commit: the same id is inserted again, on whichever node is primary. A conflict with this attempt says that
    /// it was committed; anything else makes sure that it never will be. Past the deadline it is [`Error::Unknown`].
    pub(crate) async fn settle(&self, doubt: Doubt) -> Result<Committed, Error> {
        metrics::counter!("database_commits_unsettled_total").increment(1);
        let settling = async {
            loop {
                let seen = self.map().generation;
                match self.try_settle(doubt).await {
                    Ok(Some(committed)) => return Ok(committed),
                    Ok(None) => return Err(Error::Unavailable),
                    Err(error) => tracing::debug!(error = %Cause(&error), bucket = %doubt.bucket, "a commit could not be settled yet"),
                }
                self.refresh(seen).await;
                pause().await;
            }
        };
        timeout_at(doubt.deadline, settling).await.unwrap_or(Err(Error::Unknown))
    }

    async fn try_settle(&self, doubt: Doubt) -> Result<Option<Committed>, Error> {
        if self.settled(doubt.bucket, doubt.id).await? != Some(doubt.attempt) {
            return Ok(None);
        }
        let stamp = self.current_stamp(doubt.bucket).await?;
        Ok(Some(Committed { bucket: doubt.bucket, stamp }))
    }

    /// The attempt that committed this id; from now on nothing else will.
    async fn settled(&self, bucket: Bucket, id: Uuid) -> Result<Option<Uuid>, Error> {
        let (shard, _) = self.map().owner(bucket).ok_or(Error::BucketUnavailable)?;
        let node = self.writer(shard, Instant::now() + HOLD).await?;
        let asked = bounded(node, self.statement_timeout(), bar(node, bucket, id)).await;
        asked.map_err(|error| if crate::error::not_owned(&error) { Error::BucketUnavailable } else { error.into() })
    }
}

async fn bar(node: &Arc<Node>, bucket: Bucket, id: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    let barred: Option<bool> = sqlx::query_scalar(BAR).bind(bucket.as_i16()).bind(id).fetch_optional(node.pool()).await?;
    if barred.is_some() {
        return Ok(None);
    }
    sqlx::query_scalar(ATTEMPT).bind(bucket.as_i16()).bind(id).fetch_one(node.pool()).await
}
