use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use super::{Edge, request_id};
use crate::answer::Cause;

/// One line of the log and the metrics for every request, in the end's shape.
pub(super) async fn observe(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let id = request_id::settle(request.headers_mut());
    let mut seen = Seen {
        started: Instant::now(),
        status: GONE,
        error: None,
        id: id.to_str().unwrap_or_default().to_owned(),
        method: name(request.method()),
        route: request.extensions().get::<MatchedPath>().cloned(),
        path: request.uri().path().to_owned(),
    };
    let span = tracing::info_span!("request", id = %seen.id);
    let response = next.run(request).instrument(span).await;

    let mut response = edge.shape.finish(response);
    response.headers_mut().insert(request_id::HEADER, id);
    seen.status = response.status().as_u16();
    if response.status().is_server_error() {
        let chained = response.extensions().get::<Cause>().map(|Cause(error)| chain(error));
        seen.error = Some(chained.unwrap_or_else(|| "no cause was given".to_owned()));
    }
    response
}

/// Stands for a client that went away before its answer, as in other servers' logs.
const GONE: u16 = 499;

/// Recorded when it is dropped, so that a client that goes away leaves its line too.
struct Seen {
    started: Instant,
    status: u16,
    error: Option<String>,
    id: String,
    method: &'static str,
    route: Option<MatchedPath>,
    path: String,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let took = self.started.elapsed().as_secs_f64();
        // Paths that no route matched are counted together, or anyone could fill the memory with names.
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
        metrics::counter!("http_requests_total", "method" => self.method, "route" => route.clone(), "status" => self.status.to_string())
            .increment(1);
        metrics::histogram!("http_request_duration_seconds", "method" => self.method, "route" => route.clone()).record(took);

        let duration_ms = took * 1000.0;
        let Self { status, method, path, id: request_id, .. } = self;
        if let Some(error) = &self.error {
            tracing::error!(status, method, route, path, duration_ms, request_id, error, "request failed");
        } else {
            tracing::info!(status, method, route, path, duration_ms, request_id, "request");
        }
    }
}

/// Anyone may invent methods; only known ones are names of series.
fn name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// The whole chain in one line. A source that its error already ends with (sqlx repeats its own) is left out.
fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |mut line, cause| {
        let cause = cause.to_string();
        if !line.ends_with(&cause) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_every_cause_once() {
        let error = anyhow::anyhow!("broken pipe").context("the node answered: broken pipe").context("the user could not be read");

        assert_eq!(chain(&error), "the user could not be read: the node answered: broken pipe");
    }
}
