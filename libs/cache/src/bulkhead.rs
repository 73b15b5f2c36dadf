use std::{sync::Arc, time::Duration};

use magnitude_sharding::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Loads at once while Redis does not share them out: the database must not meet the whole load of the cache.
const AT_ONCE: usize = 8;
/// How many more may wait for their turn, and how long.
const WAITING: usize = 256;
const WAIT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct Bulkhead {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Bulkhead {
    pub fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), queue: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }

    /// A turn; nobody waits for one in a queue that has no end.
    pub async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), Error> {
        let queued = self.queue.try_acquire().map_err(|_| refused())?;
        let turn = tokio::time::timeout(WAIT, self.places.acquire()).await;
        Ok((queued, turn.map_err(|_| refused())?.map_err(|_| refused())?))
    }
}

fn refused() -> Error {
    metrics::counter!("cache_bulkhead_refused_total").increment(1);
    Error::Busy
}
