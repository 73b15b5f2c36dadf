//! Settings: compiled-in defaults, then a file, then the environment; every problem is reported at once.

mod check;
mod common;
mod environment;
mod load;
mod print;
mod secret;

pub use common::{HttpSettings, ServiceSettings, TelemetrySettings};
pub use load::load;
pub use print::print;
pub use secret::Secret;
