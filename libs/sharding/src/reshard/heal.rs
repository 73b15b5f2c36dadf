//! What a killed move leaves is put right by whoever meets it: every process that watches the shards.

use std::collections::HashMap;

use tokio::time::Instant;

use super::flip::{CLAIM, RELEASED, Released};
use crate::{Error, Shards, bounded::bounded};

/// A fence that outlived its move.
const REVERT: &str = "
    update sharding.buckets set state = 'owned', move_id = null, deadline = null
    where state = 'fenced' and deadline < clock_timestamp() returning true";

impl Shards {
    /// Takes expired fences away, and finishes releases that nobody has claimed.
    pub(crate) async fn heal_moves(&self) {
        let reverted = self.execute_on_all::<(bool,)>(REVERT, |q| q).await.len();
        if reverted > 0 {
            tracing::warn!(buckets = reverted, "a move left a fence behind: it was taken away");
        }
        let nobodys = self.map().unowned();
        if nobodys.is_empty() {
            return;
        }
        let nobodys: Vec<i16> = nobodys.into_iter().map(magnitude_ids::Bucket::as_i16).collect();
        let released = self.execute_on_all::<Released>(RELEASED, |q| q.bind(&nobodys)).await;
        let mut claims: HashMap<_, Vec<Released>> = HashMap::new();
        for released in released {
            claims.entry((released.target.clone(), released.move_id)).or_default().push(released);
        }
        for ((shard, fence), released) in claims {
            if let Err(error) = self.finish(&shard, fence, &released).await {
                tracing::warn!(shard, error = %crate::shards::Cause(&error), "released buckets could not be claimed; the next round tries again");
            }
        }
    }

    async fn finish(&self, shard: &str, fence: uuid::Uuid, released: &[Released]) -> Result<(), Error> {
        let index = self.index(shard).map_err(|_| Error::BucketUnavailable)?;
        let node = self.writer(index, Instant::now()).await?;
        let (buckets, epochs): (Vec<i16>, Vec<i64>) = released.iter().map(|released| (released.bucket, released.epoch)).unzip();
        let claim = sqlx::query(CLAIM).bind(buckets).bind(epochs).bind(fence).execute(node.pool());
        let claimed = bounded(node, self.statement_timeout(), claim).await?.rows_affected();
        if claimed > 0 {
            tracing::warn!(shard, claimed, "a move ended between release and claim: its buckets were claimed");
        }
        Ok(())
    }
}
