#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod articles;
mod call;
mod keyspaces;
pub mod media;
mod shown;
pub mod social;
mod timestamp;

pub use call::{CallError, Settings};
pub use keyspaces::keyspace;
pub use shown::Shown;
pub use timestamp::Timestamp;
