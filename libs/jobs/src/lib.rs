#![doc = include_str!("../README.md")]

mod cursor;
mod enqueue;
mod events;
mod outcome;
mod registry;
mod sweep;

pub use cursor::{Event, follow};
pub use enqueue::{Enqueued, enqueue, run_now};
pub use events::{VOID, record, record_voids};
pub use registry::{Job, JobError, Jobs};

/// The tables of this lib, to be migrated with those of the service.
pub fn migrations() -> magnitude_sharding::Migrations {
    magnitude_sharding::Migrations::new("jobs", sqlx::migrate!())
}
