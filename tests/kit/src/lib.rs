#![doc = include_str!("../README.md")]

mod admin;
mod cluster;
mod counted;
mod eventually;
mod folder;
mod indexed;
mod proxy;
mod send;
mod stack;
mod template;

pub use cluster::{Connected, TestCluster};
pub use counted::Counted;
pub use eventually::{eventually, eventually_within, until};
pub use folder::Folder;
pub use indexed::assert_indexed;
pub use proxy::Proxy;
pub use send::send;
pub use stack::{Instance, PostgresShard, Stack};
