#![doc = include_str!("../README.md")]

mod answer;
mod api;
mod fixtures;
mod raw;
mod stack;
mod turn;

pub use answer::{Answer, is_timestamp};
pub use api::{Api, Gate, query, segment};
pub use fixtures::{Draft, PASSWORD, User, unique, unknown_token};
pub use raw::raw;
pub use reqwest::Method;
pub use serde_json::{Map, Value, json};
pub use stack::{Instance, Stack, stack};
pub use turn::{Turn, alone};
