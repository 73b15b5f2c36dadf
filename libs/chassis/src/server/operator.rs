use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU8, Ordering},
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceExt;

use crate::{answer::ApiError, layers::Shape, telemetry};

/// Whether this instance should get traffic. It depends on nothing that instances share: else one sick database would take
/// all of them out at once.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Readiness {
    Starting,
    Ready,
    Stopping,
}

/// What answers on the operator listener.
#[derive(Clone)]
pub(super) struct Health {
    readiness: Arc<AtomicU8>,
    internal: Arc<OnceLock<Router>>,
    metrics: &'static PrometheusHandle,
}

impl Health {
    pub fn new(metrics: &'static PrometheusHandle) -> Self {
        Self { readiness: Arc::new(AtomicU8::new(Readiness::Starting as u8)), internal: Arc::default(), metrics }
    }

    pub fn set(&self, readiness: Readiness) {
        self.readiness.store(readiness as u8, Ordering::Release);
    }

    /// Adds the service's internal routes, which exist only after its start.
    pub fn open(&self, internal: Router) {
        // Called once, by the start.
        let _ = self.internal.set(internal);
    }

    pub fn router(&self) -> Router {
        let (ready, metrics, internal) = (self.clone(), self.metrics, self.internal.clone());
        Router::new()
            .route("/health/live", get(async || "live\n"))
            .route("/health/ready", get(async move || ready.answer()))
            .route("/metrics", get(async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], telemetry::render(metrics))))
            .fallback(move |request| pass(internal.get().cloned(), request))
    }

    fn answer(&self) -> Response {
        let readiness = self.readiness.load(Ordering::Acquire);
        if readiness == Readiness::Ready as u8 {
            return "ready\n".into_response();
        }
        let why = if readiness == Readiness::Starting as u8 { "starting\n" } else { "stopping\n" };
        (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
    }
}

async fn pass(internal: Option<Router>, request: Request) -> Response {
    match internal {
        Some(router) => router.oneshot(request).await.into_response(),
        None => Shape::Problem.refuse(ApiError::unavailable(anyhow::anyhow!("the service is starting"))),
    }
}
