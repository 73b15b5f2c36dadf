#![doc = include_str!("../README.md")]

mod cluster;
mod node;
mod position;
mod settings;

pub use cluster::Cluster;
pub use node::{Node, Role, State};
pub use position::Position;
pub use settings::{Settings, Tls};
