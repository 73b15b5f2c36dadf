#![doc = include_str!("../README.md")]

mod broker;
mod command;
mod consume;
mod context;
mod cursor;
mod enqueue;
mod events;
mod gate;
mod job;
mod lane;
mod measure;
mod outcome;
mod park;
mod publish;
mod queues;
mod registry;
mod relay;
mod row;
mod schedule;
mod session;
mod settings;
mod trace;
mod walk;
mod work;
mod worker;

pub use command::{Order, command};
pub use context::{Context, once};
pub use cursor::{Event, follow};
pub use enqueue::{Enqueued, Options, enqueue, enqueue_with, left, run_now, submit};
pub use events::{VOID, record, record_voids, recorded_voids};
pub use job::{Job, JobError};
pub use lane::Lane;
pub use registry::Jobs;
pub use settings::Settings;
pub use trace::traced;
pub use walk::{Walk, report_drift, write_alone};

/// The tables of this lib, to be migrated with those of the service.
pub fn migrations() -> magnitude_sharding::Migrations {
    magnitude_sharding::Migrations::new("jobs", sqlx::migrate!())
}
