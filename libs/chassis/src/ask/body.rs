use std::time::Duration;

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use crate::{ApiError, Object};

/// The body as JSON in an envelope, whatever its content type says. It keeps the raw bytes (for the fingerprint of an
/// idempotency key) beside the parsed value, which is an object.
#[derive(Debug)]
pub struct Body {
    pub bytes: Bytes,
    pub value: Value,
}

impl Body {
    /// The object under `name`, e.g. "user". 422 naming it when it is absent or no object.
    pub fn envelope(&self, name: &'static str) -> Result<Object<'_>, ApiError> {
        match self.value.get(name) {
            Some(Value::Object(map)) => Ok(Object { map }),
            None | Some(Value::Null) => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, name, "can't be blank")),
            Some(_) => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, name, "must be an object")),
        }
    }

    fn parse(bytes: Bytes) -> Result<Self, ApiError> {
        // serde_json refuses what is nested deeper than 128 levels, so the stack is safe.
        match serde_json::from_slice(&bytes) {
            Ok(value @ Value::Object(_)) => Ok(Self { bytes, value }),
            _ => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "body", "is not valid JSON")),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let BodyLimit { bytes, time } = request.extensions().get().copied().unwrap_or_default();
        let slow = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "body", "came too slowly");
        Self::parse(timeout(time, read(request.into_body(), bytes)).await.map_err(|_| slow())??)
    }
}

/// Put into every request by the layers: what a body may take.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit {
    pub bytes: usize,
    /// Shorter than the request's own time: nothing was begun when it is over, and the answer can say so.
    pub time: Duration,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self { bytes: 1 << 20, time: Duration::from_secs(10) }
    }
}

/// How many times the limit is read and thrown away, so that a client which writes before it reads sees the 413 and not a
/// reset connection.
const PATIENCE: usize = 16;

async fn read(body: axum::body::Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut kept = BytesMut::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "body", "could not be read"))?;
        if kept.len() + chunk.len() > limit {
            return Err(drain(&mut stream, limit).await);
        }
        kept.extend_from_slice(&chunk);
    }
    Ok(kept.freeze())
}

/// Throws a bounded rest of a body away and says that it is too large.
pub(crate) async fn drain(rest: &mut axum::body::BodyDataStream, limit: usize) -> ApiError {
    let mut left = limit.saturating_mul(PATIENCE);
    while let Some(Ok(chunk)) = rest.next().await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            break;
        }
    }
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body", format!("is too large (maximum is {limit} bytes)"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    async fn refused(body: impl Into<axum::body::Body>) -> (StatusCode, String) {
        let error = Body::from_request(Request::new(body.into()), &()).await.map(|_| ()).unwrap_err();
        let status = error.status();
        let text = axum::body::to_bytes(error.into_response().into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn what_is_not_a_json_object_is_refused_in_one_way() {
        let deep = "[".repeat(100_000);
        let texts: [&[u8]; 9] =
            [b"", b"{", b"[]", b"1", b"null", b"{\"a\":\"\xff\"}", b"{\"a\":\"\\ud800\"}", b"{\"a\":1e999}", deep.as_bytes()];

        for text in texts {
            let (status, body) = refused(text.to_vec()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(body, r#"{"errors":{"body":["is not valid JSON"]}}"#);
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_without_keeping_it() {
        let (status, body) = refused(vec![b' '; (1 << 20) + 1]).await;

        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(body, r#"{"errors":{"body":["is too large (maximum is 1048576 bytes)"]}}"#);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_refused() {
        let mut request = Request::new(axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
        request.extensions_mut().insert(BodyLimit { bytes: 10, time: Duration::from_millis(1) });

        let error = Body::from_request(request, &()).await.map(|_| ()).unwrap_err();

        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn an_envelope_must_be_there_and_an_object() {
        let message = |text: &'static str| format!("{:?}", Body::parse(text.into()).unwrap().envelope("user").map(|_| ()).unwrap_err());

        assert!(message("{}").contains("can't be blank"));
        assert!(message(r#"{"user":null}"#).contains("can't be blank"));
        assert!(message(r#"{"user":"ann"}"#).contains("must be an object"));
    }
}
