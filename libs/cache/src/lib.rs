#![doc = include_str!("../README.md")]

mod bulkhead;
mod cache;
mod flights;
mod groups;
mod hot;
mod keyspace;
mod lead;
mod lease;
mod look;
mod read;
mod recording;
mod repair;
mod scripts;
mod source;
mod stamps;

pub use cache::Cache;
pub use groups::Group;
pub use keyspace::{Keyspace, Versioned, Void};
pub use recording::Parts;
pub use source::StampSource;
