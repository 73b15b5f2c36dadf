use anyhow::anyhow;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};

use super::Edge;
use crate::{answer::ApiError, ask::is_sent_again};

/// A write that comes once more may have been done by the instance that died with it: to be refused now says nothing of that.
pub(super) async fn again(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let may_be_done = !request.method().is_safe() && is_sent_again(request.headers());
    let response = next.run(request).await;
    match response.status() {
        status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) if may_be_done => edge
            .shape
            .refuse(ApiError::outcome_unknown(anyhow!("the instance that had it before died, and now it is refused with {status}"))),
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, body::Body, http::Method, middleware::from_fn_with_state, routing::any};
    use tokio_util::{sync::CancellationToken, task::TaskTracker};
    use tower::ServiceExt;

    use super::*;
    use crate::layers::Shape;

    async fn status(method: Method, refusal: StatusCode, headers: &[(&str, &str)]) -> StatusCode {
        let edge =
            Edge { shape: Shape::Api, max_body: 0, timeout: Duration::MAX, writes: TaskTracker::new(), abort: CancellationToken::new() };
        let router = Router::new().route("/", any(move || async move { refusal })).layer(from_fn_with_state(edge, again));
        let request = headers.iter().fold(Request::builder().method(method), |request, (name, value)| request.header(*name, *value));
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn only_a_write_that_may_have_been_done_is_unknown_when_it_is_refused() {
        let (key, second) = (("idempotency-key", "k"), ("x-envoy-attempt-count", "2"));
        let (unavailable, unknown) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT);

        assert_eq!(status(Method::POST, unavailable, &[key, second]).await, unknown);
        assert_eq!(status(Method::POST, StatusCode::TOO_MANY_REQUESTS, &[key, second]).await, unknown);
        assert_eq!(status(Method::POST, StatusCode::CREATED, &[key, second]).await, StatusCode::CREATED);
        assert_eq!(status(Method::POST, unavailable, &[key, ("x-envoy-attempt-count", "1")]).await, unavailable);
        // Without a key it is sent once more only if it never was.
        assert_eq!(status(Method::POST, unavailable, &[second]).await, unavailable);
        assert_eq!(status(Method::GET, unavailable, &[key, second]).await, unavailable);
    }
}
