//! Sessions that write and read through the public API all the time, and remember what they were told.

mod article;
mod client;
mod contest;
mod history;
mod latency;
mod operation;
mod session;
mod start;

pub use article::{Article, bucket_of, id_of, version_in};
pub use client::{Client, Reply};
pub use history::{Event, History};
pub use latency::{Latencies, Window, count, millis};
pub use operation::{Kind, Outcome};
pub use session::Author;
pub use start::{Load, Record, Settings};
