//! What leaves: errors in the API's shape, JSON with its content type, stored answers, times.

mod api_error;
mod json;
mod sharding;

pub use api_error::ApiError;
pub(crate) use api_error::Cause;
pub(crate) use json::JSON;
pub use json::{Json, answer, rfc3339_millis};
