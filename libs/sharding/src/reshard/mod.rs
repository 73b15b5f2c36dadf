//! Moves buckets between shards while traffic runs, on Postgres' logical replication: copy and stream, verify, fence, drain, release,
//! claim, verify what changed since, delete. Every step can be killed: what was not released is undone, what was is finished.

mod command;
mod copy;
mod drop;
mod engine;
mod flip;
mod heal;
mod plan;
mod preflight;
mod record;
mod side;
mod unfinished;
mod verify;

pub use command::{Buckets, Move, Order, Which};
pub use engine::{Reshard, run};
pub use plan::{Part, spread};
pub use side::Admin;
