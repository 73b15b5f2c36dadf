use magnitude_sharding::Error;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Context, Lane};

/// Work that must follow a write: a verb and its object. It may run twice (a crash between its effect and the deletion of its row):
/// writing through [`Context::write`] makes the effect show once; where it does not, the job's doc says why twice is safe.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it needs: the service's own state.
    type State: Clone + Send + Sync + 'static;
    /// How rows name it; another name is another job.
    const KIND: &'static str;
    /// Raised when older releases could not run what this one writes: they park it, and say why.
    const VERSION: i32 = 1;
    const LANE: Lane = Lane::Default;

    fn run(&self, state: &Self::State, context: &Context) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// Not itself an `Error`, so that `?` turns every error into a retry.
#[derive(Debug)]
pub enum JobError {
    /// Its effect shows already: nothing is left to do.
    Done,
    /// A part that it needs is down: try again for as long as that takes. Does not count as a try.
    Wait(anyhow::Error),
    /// Try again later.
    Retry(anyhow::Error),
    /// It can never succeed: park it.
    GiveUp(anyhow::Error),
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
