use std::sync::Arc;

use magnitude_redis::{Down, Redis};
use redis::{Script, ToRedisArgs};
use tokio::runtime::Handle;

use crate::scripts::RELEASE;

/// The task to load one entry. Dropped before its fill it is given back: a load that failed or was cancelled must not keep
/// the others waiting for its end.
pub(crate) struct Lease(Option<Held>);

struct Held {
    redis: Redis,
    node: usize,
    key: String,
    token: Arc<str>,
}

impl Lease {
    /// Begins before Redis is asked for it: a reader that is cancelled in between may have been granted it.
    pub fn asked(redis: &Redis, node: usize, key: String, token: &Arc<str>) -> Self {
        Self(Some(Held { redis: redis.clone(), node, key, token: token.clone() }))
    }

    /// For a reader that asks for none.
    pub fn none() -> Self {
        Self(None)
    }

    /// There is nothing to give back: it was filled, or never granted.
    pub fn forget(mut self) {
        self.0 = None;
    }

    /// Runs a script on the entry, with the lease's token and more arguments.
    pub async fn run(&self, script: &Script, arguments: impl ToRedisArgs) -> Result<i64, Down> {
        let Some(held) = &self.0 else { return Ok(0) };
        held.run(script, arguments).await
    }

    /// Gives it back now. Cancelled in between, it is given back as if it were dropped.
    pub async fn release(mut self) {
        if let Some(held) = &self.0 {
            held.release().await;
        }
        self.0 = None;
    }
}

impl Held {
    async fn run(&self, script: &Script, arguments: impl ToRedisArgs) -> Result<i64, Down> {
        let mut invocation = script.prepare_invoke();
        invocation.key(&self.key).arg(&*self.token).arg(arguments);
        self.redis.nodes()[self.node].script(&invocation).await
    }

    async fn release(&self) {
        if let Err(error) = self.run(&RELEASE, None::<&str>).await {
            tracing::debug!(%error, "a lease was not given back: it ends by itself");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A cancelled load can await nothing. The task lives for one command at most, and outside a runtime the lease ends by itself.
        if let (Some(held), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move { held.release().await });
        }
    }
}
