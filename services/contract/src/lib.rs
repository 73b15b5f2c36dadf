#![doc = include_str!("../README.md")]

pub mod accounts;
pub mod articles;
mod call;
pub mod social;
mod timestamp;

pub use call::{CallError, Settings};
pub use timestamp::Timestamp;
