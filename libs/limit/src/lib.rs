#![doc = include_str!("../README.md")]

mod address;
mod limiter;
mod local;
mod rate;
mod writes;

pub use address::address;
pub use limiter::{Limiter, TooMany};
pub use rate::{Rate, Settings};
pub use writes::limit_writes;
