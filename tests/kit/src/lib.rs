#![doc = include_str!("../README.md")]

mod admin;
mod cluster;
mod eventually;
mod proxy;
mod stack;
mod template;

pub use cluster::{Connected, TestCluster};
pub use eventually::{eventually, eventually_within};
pub use proxy::Proxy;
pub use stack::{Instance, PostgresShard, Stack};
