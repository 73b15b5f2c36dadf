use futures_util::future::BoxFuture;
use magnitude_ids::Bucket;

use crate::{Session, TokenHash};

/// Where a session that Redis lost is looked up: accounts' own table, or a call to accounts.
pub trait Lookup: Send + Sync + 'static {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> impl Future<Output = anyhow::Result<Option<Session>>> + Send;
}

pub(crate) trait DynLookup: Send + Sync {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> BoxFuture<'_, anyhow::Result<Option<Session>>>;
}

impl<L: Lookup> DynLookup for L {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> BoxFuture<'_, anyhow::Result<Option<Session>>> {
        Box::pin(Lookup::find(self, bucket, hash))
    }
}
