#![doc = include_str!("../README.md")]

mod block;
mod change;
mod command;
mod description;
mod disk;
mod doctor;
mod end;
mod envoy;
mod etcd;
mod fault;
mod files;
mod life;
mod patroni;
mod place;
mod port;
mod postgres;
mod probe;
mod process;
mod program;
mod rabbitmq;
mod redis;
mod secrets;
mod service;
mod sql;
mod stack;
mod state;
mod template;
mod topology;
mod up;

pub use doctor::{Finding, Weight, examine};
pub use end::{clean, down};
pub use fault::unusable as cuts_unusable;
pub use life::{Health, tail};
pub use stack::{Options, Stack};
pub use topology::{Kind, Node};
pub use up::Extent;
