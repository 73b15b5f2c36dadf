#![doc = include_str!("../README.md")]

mod block;
mod description;
mod doctor;
mod envoy;
mod fault;
mod files;
mod life;
mod postgres;
mod probe;
mod process;
mod secrets;
mod service;
mod stack;
mod template;
mod topology;
mod up;

pub use doctor::{Finding, examine};
pub use life::{Health, tail};
pub use stack::{Options, Stack};
pub use topology::{Kind, Node};
pub use up::Extent;
