#![doc = include_str!("../README.md")]

mod bucket;
mod id;

pub use bucket::{BUCKETS, Bucket};
pub use id::{Id, ParseIdError};
