use std::cell::Cell;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

/// Says which part did not answer, so that a client or a test can tell a degraded answer from a true one.
const DEGRADED: HeaderName = HeaderName::from_static("magnitude-degraded");

tokio::task_local! {
    static MISSING: Cell<Option<&'static str>>;
}

/// Marks the answer of the current request as made without `part`, in a header and a metric. Outside a request, in a job, only the
/// metric counts.
pub fn degraded(part: &'static str) {
    metrics::counter!("degraded_answers_total", "missing" => part).increment(1);
    let _ = MISSING.try_with(|missing| missing.set(Some(part)));
}

/// Innermost of the layers: a write goes on in a task of its own, and the mark must be set in the task that handles.
pub(super) async fn degrade(request: Request, next: Next) -> Response {
    let answer = async {
        let mut response = next.run(request).await;
        if let Some(part) = MISSING.with(Cell::get) {
            response.headers_mut().insert(DEGRADED, HeaderValue::from_static(part));
        }
        response
    };
    MISSING.scope(Cell::new(None), answer).await
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;

    async fn header_of(path: &str) -> Option<String> {
        let router = Router::new()
            .route("/whole", get(async || "whole"))
            .route("/part", get(async || degraded("social")))
            .layer(axum::middleware::from_fn(degrade));
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        response.headers().get(DEGRADED).map(|value| value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn only_an_answer_without_a_part_says_so() {
        assert_eq!(header_of("/part").await.as_deref(), Some("social"));
        assert_eq!(header_of("/whole").await, None);
    }
}
