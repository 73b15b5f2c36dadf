//! A running service: two listeners, its tasks, and how they end.

mod accept;
mod head_clock;
mod operator;
mod running;

pub use running::Running;
