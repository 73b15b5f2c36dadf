#![doc = include_str!("../README.md")]

mod enqueue;
mod events;
mod outcome;
mod registry;
mod sweep;

pub use enqueue::{Enqueued, enqueue, run_now};
pub use events::record;
pub use registry::{Job, JobError, Jobs};

/// The tables of this lib, to be migrated with those of the service.
pub fn migrations() -> magnitude_sharding::Migrations {
    magnitude_sharding::Migrations::new("jobs", sqlx::migrate!())
}
