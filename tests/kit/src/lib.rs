#![doc = include_str!("../README.md")]

mod admin;
mod cluster;
mod counted;
mod eventually;
mod indexed;
mod proxy;
mod stack;
mod template;

pub use cluster::{Connected, TestCluster};
pub use counted::Counted;
pub use eventually::{eventually, eventually_within};
pub use indexed::assert_indexed;
pub use proxy::Proxy;
pub use stack::{Instance, PostgresShard, Stack};
