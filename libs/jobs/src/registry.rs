use std::{collections::HashMap, marker::PhantomData, sync::Arc};

use futures_util::future::BoxFuture;
use magnitude_sharding::{Error, Shards};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::sweep;

/// Work that must follow a write: a verb and its object. Running it twice must be safe; its doc says why it is.
pub trait Job<S>: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: &'static str;

    fn run(&self, state: &S) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// Not itself an `Error`, so that `?` turns every error into a retry.
#[derive(Debug)]
pub enum JobError {
    /// A part that it needs is down: try again for as long as that takes. Does not count as a try.
    Wait(anyhow::Error),
    /// Try again later.
    Retry(anyhow::Error),
    /// It can never succeed: park it.
    GiveUp(anyhow::Error),
}

impl JobError {
    pub(crate) fn cause(&self) -> &anyhow::Error {
        match self {
            Self::Wait(error) | Self::Retry(error) | Self::GiveUp(error) => error,
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for JobError {
    fn from(error: E) -> Self {
        let error = anyhow::Error::from(error);
        match error.downcast_ref() {
            Some(Error::Unavailable | Error::BucketUnavailable | Error::Busy | Error::Unknown) => Self::Wait(error),
            _ => Self::Retry(error),
        }
    }
}

pub(crate) type Runner<S> = Arc<dyn Fn(S, Value) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync>;

/// The kinds of jobs that a service runs.
pub struct Jobs<S> {
    runners: HashMap<&'static str, Runner<S>>,
    state: PhantomData<fn(S)>,
}

impl<S: Clone + Send + Sync + 'static> Jobs<S> {
    #[expect(clippy::new_without_default, reason = "a service without jobs has no use for this")]
    pub fn new() -> Self {
        Self { runners: HashMap::new(), state: PhantomData }
    }

    #[must_use]
    pub fn register<J: Job<S>>(mut self) -> Self {
        let run: Runner<S> = Arc::new(|state, payload| {
            Box::pin(async move {
                // A payload that does not decode now will not decode later either.
                let job: J = serde_json::from_value(payload).map_err(|error| JobError::GiveUp(error.into()))?;
                job.run(&state).await
            })
        });
        self.runners.insert(J::KIND, run);
        self
    }

    /// Applies due rows of all shards until `stop`; what runs then is finished first. Spawn it.
    pub fn sweep(self, shards: Shards, state: S, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
        sweep::sweep(self.runners, shards, state, stop)
    }
}
