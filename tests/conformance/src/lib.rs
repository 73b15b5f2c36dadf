#![doc = include_str!("../README.md")]

mod answer;
mod api;
mod fixtures;
mod stack;

pub use answer::{Answer, is_timestamp};
pub use api::{Api, Gate, query, segment};
pub use fixtures::{Draft, PASSWORD, User, unique};
pub use reqwest::Method;
pub use serde_json::{Map, Value, json};
pub use stack::{Instance, Stack, stack};
