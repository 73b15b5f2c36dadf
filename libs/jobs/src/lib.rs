//! skeleton
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Shards, Write};
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

/// Not itself an `Error`, so that `?` turns every error into a retry.
#[derive(Debug)]
pub enum JobError { Retry(anyhow::Error), GiveUp(anyhow::Error) }
impl<E: std::error::Error + Send + Sync + 'static> From<E> for JobError { fn from(e: E) -> Self { Self::Retry(anyhow::Error::new(e)) } }

/// Work that must follow a write: a verb and its object. Running it twice must be safe; say why in its doc.
pub trait Job<S>: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: &'static str;
    fn run(&self, state: &S) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// A job that was written in a transaction and may be run inline once that is committed.
#[must_use = "run it inline with `run_now` after the commit, or it waits for the sweeper"]
pub struct Enqueued<J> { pub job: J }

/// Writes the job's row in the transaction, due in a second: the guarantee behind the inline run.
pub async fn enqueue<J: Serialize>(write: &mut Write, kind: &'static str, job: J) -> Result<Enqueued<J>, Error> { todo!() }
/// Runs the job at once and deletes its row; a failure is logged and left to the sweeper. Returns whether it succeeded.
pub async fn run_now<S: Sync, J: Job<S>>(shards: &Shards, state: &S, enqueued: Enqueued<J>) -> bool { todo!() }

/// Appends to the event log in the transaction (kind and JSON payload).
pub async fn record<E: Serialize>(write: &mut Write, kind: &'static str, event: &E) -> Result<(), Error> { todo!() }

/// Which job kinds a service runs.
pub struct Jobs<S> { _s: std::marker::PhantomData<S> }
impl<S: Clone + Send + Sync + 'static> Jobs<S> {
    pub fn new() -> Self { todo!() }
    pub fn register<J: Job<S>>(self) -> Self { todo!() }
    /// Applies due rows of all shards until `stop`: spawn it in `serve`.
    pub fn sweep(self, shards: Shards, state: S, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static { async {} }
}
pub static MIGRATIONS: fn() -> magnitude_sharding::Migrations = || todo!();
