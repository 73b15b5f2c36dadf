#![doc = include_str!("../README.md")]

pub mod bench;
pub mod client;
pub mod demo;
pub mod fill;
pub mod instance;
mod oha;
pub mod raw;
pub mod reads;
pub mod report;
pub mod stack;
pub mod versions;
