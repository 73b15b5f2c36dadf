#![doc = include_str!("../README.md")]

mod answer;
mod ask;
mod cli;
mod healthcheck;
mod layers;
mod server;
mod service;
mod settings;
mod stores;
mod tasks;
mod telemetry;

pub use answer::{ApiError, Json, answer, rfc3339_millis};
pub use ask::{Body, Delivery, Fields, Idempotency, Object, Page, Params, Patch, Path, Stream};
pub use cli::{run, run_with};
pub use layers::{Answers, AsItIs, KeptAnswer, Reading, degraded, knows};
pub use server::Running;
pub use service::{Roles, Routers, Service};
pub use settings::{HttpSettings, Secret, ServiceSettings, TelemetrySettings, load, print};
pub use stores::{Stores, begin, connect, hear_voids, tell_of};
pub use tasks::Tasks;
