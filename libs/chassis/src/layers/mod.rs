//! What is around every request: bounds inside, one shape of errors and one line of the log outside.

mod again;
mod answers;
mod degrade;
mod guard;
mod observe;
mod request_id;
mod shape;

use std::time::Duration;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::HttpSettings;
pub use answers::{Answers, KeptAnswer, Reading, knows};
pub use degrade::degraded;
pub(crate) use request_id::HEADER as REQUEST_ID;
pub use shape::AsItIs;
pub(crate) use shape::Shape;

/// What the layers of one listener know.
#[derive(Clone)]
pub(crate) struct Edge {
    shape: Shape,
    max_body: usize,
    timeout: Duration,
    /// Writes that go on though their client has gone.
    writes: TaskTracker,
    abort: CancellationToken,
}

impl Edge {
    pub fn new(shape: Shape, http: &HttpSettings, writes: TaskTracker, abort: CancellationToken) -> Self {
        Self { shape, max_body: http.max_body_bytes, timeout: Duration::from_millis(http.request_timeout_ms), writes, abort }
    }
}

pub(crate) fn around(router: Router, edge: Edge) -> Router {
    router
        .layer(from_fn(degrade::degrade))
        .layer(from_fn_with_state(edge.clone(), guard::guard))
        .layer(from_fn_with_state(edge.clone(), again::again))
        .layer(from_fn_with_state(edge, observe::observe))
}
