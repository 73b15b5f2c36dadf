#![doc = include_str!("../README.md")]

mod choose;
mod cluster;
mod node;
mod position;
mod settings;
mod state;

pub use cluster::{Cluster, Reader};
pub use node::Node;
pub use position::Position;
pub use settings::{Settings, Tls};
pub use state::{Role, State};
