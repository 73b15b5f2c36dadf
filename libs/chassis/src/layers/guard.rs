use std::{any::Any, panic::AssertUnwindSafe};

use anyhow::anyhow;
use axum::{
    extract::{Request, State},
    http::header::CONTENT_LENGTH,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tokio::time::timeout;
use tracing::Instrument;

use super::Edge;
use crate::{
    answer::ApiError,
    ask::{BodyLimit, drain},
};

/// The bounds of a request: its body's size, its time, and a panic ends it alone.
pub(super) async fn guard(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > edge.max_body as u64) {
        return too_large(&edge, request).await;
    }
    request.extensions_mut().insert(BodyLimit { bytes: edge.max_body, time: edge.timeout * 2 / 3 });
    let reads = request.method().is_safe();
    let work = catch(edge.clone(), request, next);
    if reads { read(&edge, work).await } else { write(&edge, work).await }
}

async fn too_large(edge: &Edge, request: Request) -> Response {
    let mut rest = request.into_body().into_data_stream();
    match timeout(edge.timeout, drain(&mut rest, edge.max_body)).await {
        Ok(error) => edge.shape.refuse(error),
        Err(_) => edge.shape.refuse(ApiError::unavailable(anyhow!("a body came too slowly"))),
    }
}

async fn catch(edge: Edge, request: Request, next: Next) -> Response {
    // What the request leaves to workers belongs to its trace. Here and not further out: a write is a task of its own.
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    match AssertUnwindSafe(magnitude_jobs::traced(traceparent, next.run(request))).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => edge.shape.refuse(ApiError::internal(anyhow!("the handler panicked: {}", message(panic.as_ref())))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

async fn read(edge: &Edge, work: impl Future<Output = Response>) -> Response {
    match timeout(edge.timeout, work).await {
        Ok(response) => response,
        Err(_) => edge.shape.refuse(ApiError::unavailable(anyhow!("the request took longer than {:?}", edge.timeout))),
    }
}

/// A write runs as a task of its own: a client that goes away must not cut it off between its commit and what has to be
/// told to the caches. For the same reason time running out does not end it, and does not say that it failed.
async fn write(edge: &Edge, work: impl Future<Output = Response> + Send + 'static) -> Response {
    let abort = edge.abort.clone();
    let task = edge.writes.spawn(async move { abort.run_until_cancelled(work).await }.in_current_span());
    match timeout(edge.timeout, task).await {
        Ok(Ok(Some(response))) => response,
        Ok(_) => edge.shape.refuse(ApiError::outcome_unknown(anyhow!("the process was stopped during the write"))),
        Err(_) => edge.shape.refuse(ApiError::outcome_unknown(anyhow!("the write took longer than {:?}", edge.timeout))),
    }
}
