use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::answer::{ApiError, JSON};

/// How a listener says no.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// `{"errors": {field: [messages]}}`
    Api,
    /// RFC 9457
    Problem,
}

/// In a response's extensions: a refusal that is a page for people, not for programs.
#[derive(Clone, Copy)]
pub struct AsItIs;

impl Shape {
    pub fn refuse(self, error: ApiError) -> Response {
        match self {
            Self::Api => error.into_response(),
            Self::Problem => problem(error.into_response()),
        }
    }

    /// Gives a refusal of the framework (no body, or text) this shape, and all JSON its content type.
    pub fn finish(self, mut response: Response) -> Response {
        let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if kind == b"application/json" {
            response.headers_mut().insert(CONTENT_TYPE, JSON);
        } else if !is_json(kind) && is_refusal(response.status()) && response.extensions().get::<AsItIs>().is_none() {
            return self.replace(response);
        }
        response
    }

    fn replace(self, response: Response) -> Response {
        let refused = self.refuse(framework(response.status()));
        let (mut head, _) = response.into_parts();
        // Its other headers stay: a 405 says in Allow what is allowed.
        head.headers.remove(CONTENT_LENGTH);
        let (shaped, body) = refused.into_parts();
        head.headers.extend(shaped.headers);
        Response::from_parts(head, body)
    }
}

fn is_json(kind: &[u8]) -> bool {
    kind.starts_with(b"application/json") || kind.starts_with(b"application/problem+json")
}

fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn framework(status: StatusCode) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::not_found("path"),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(status, "method", "not allowed"),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "body", "is too large"),
        status if status.is_server_error() => ApiError::new(status, "server", "internal error"),
        status => ApiError::new(status, "request", "is not valid"),
    }
}

fn problem(response: Response) -> Response {
    let (mut head, _) = response.into_parts();
    let title = head.status.canonical_reason().unwrap_or("error");
    let body = json!({ "type": "about:blank", "title": title, "status": head.status.as_u16() }).to_string();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(body))
}
