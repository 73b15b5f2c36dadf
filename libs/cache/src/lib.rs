#![doc = include_str!("../README.md")]

mod cache;
mod keyspace;
mod lease;
mod read;
mod repair;
mod scripts;
mod source;
mod stamps;

pub use cache::Cache;
pub use keyspace::{Keyspace, Versioned, Void};
pub use source::StampSource;
