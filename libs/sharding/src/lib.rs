#![doc = include_str!("../README.md")]

mod binds;
mod bounded;
mod error;
mod housekeeping;
mod map;
mod migrate;
mod read;
pub mod reshard;
mod settle;
mod shards;
mod stamp;
mod write;
mod write_id;

pub use binds::Binds;
pub use error::Error;
pub use magnitude_database::{Position, Settings};
pub use migrate::{Migrations, check_schema, migrate};
pub use shards::{ShardSettings, Shards};
pub use stamp::{Freshness, ShardFreshness, ShardName, Stamp};
pub use write::{Begun, Committed, Write};
pub use write_id::{Answer, WriteId};
