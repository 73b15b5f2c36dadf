use anyhow::anyhow;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};

use super::Edge;
use crate::{answer::ApiError, ask::is_sent_again};

/// A write that comes once more may have been done by the instance that died with it: to be refused now, also for a session that has
/// ended since, says nothing of that.
pub(super) async fn again(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let may_be_done = !request.method().is_safe() && is_sent_again(request.headers());
    let response = next.run(request).await;
    match response.status() {
        status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED) if may_be_done => edge
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
        let (first, second) = (("x-sent-before", "0"), ("x-sent-before", "317"));
        let (unavailable, unknown) = (StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT);

        for refusal in [unavailable, StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED] {
            assert_eq!(status(Method::POST, refusal, &[second]).await, unknown);
            assert_eq!(status(Method::DELETE, refusal, &[second]).await, unknown);
            assert_eq!(status(Method::POST, refusal, &[first]).await, refusal);
            assert_eq!(status(Method::POST, refusal, &[]).await, refusal);
            assert_eq!(status(Method::GET, refusal, &[second]).await, refusal);
        }
        assert_eq!(status(Method::POST, StatusCode::CREATED, &[second]).await, StatusCode::CREATED);
    }
}
