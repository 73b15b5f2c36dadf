use std::{borrow::Cow, sync::Arc};

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Json;

type Text = Cow<'static, str>;

/// An answer that is not a success, in the API's shape `{"errors": {field: [messages]}}`. Its cause is logged once by a
/// layer and never shown.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    errors: Errors,
    cause: Option<anyhow::Error>,
    retry_after_s: u64,
}

impl ApiError {
    pub fn new(status: StatusCode, field: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self { status, errors: Errors::default(), cause: None, retry_after_s: 1 }.and(field, message)
    }

    /// 404 `{what: ["not found"]}`
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, what, "not found")
    }

    /// 403 `{what: ["forbidden"]}`
    pub fn forbidden(what: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, what, "forbidden")
    }

    /// 409 `{field: ["has already been taken"]}`
    pub fn taken(field: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, field, "has already been taken")
    }

    /// 429 with the Retry-After that is true.
    pub fn too_many(retry_after_s: u64) -> Self {
        Self { retry_after_s, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "server", "too many requests, try again later") }
    }

    /// 503 with Retry-After: overloaded, or a part is down.
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "server", "is not available now, try again").because(cause)
    }

    /// 500: our fault.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server", "internal error").because(cause)
    }

    /// 504: a write that may or may not have happened.
    pub fn outcome_unknown(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "server", "outcome unknown").because(cause)
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Adds another message, with the same status.
    #[must_use]
    pub fn and(mut self, field: impl Into<Text>, message: impl Into<Text>) -> Self {
        self.errors.add(field.into(), message.into());
        self
    }

    fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// Rides in a response's extensions to the layer that logs it.
#[derive(Clone)]
pub(crate) struct Cause(pub Arc<anyhow::Error>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Shape { errors: &self.errors })).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.retry_after_s));
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(Arc::new(cause)));
        }
        response
    }
}

#[derive(Serialize)]
struct Shape<'a> {
    errors: &'a Errors,
}

/// In the order in which they were noted; few, so a list is enough.
#[derive(Debug, Default)]
struct Errors(Vec<(Text, Vec<Text>)>);

impl Errors {
    fn add(&mut self, field: Text, message: Text) {
        match self.0.iter_mut().find(|(known, _)| *known == field) {
            Some((_, messages)) => messages.push(message),
            None => self.0.push((field, vec![message])),
        }
    }
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (field, messages) in &self.0 {
            map.serialize_entry(field, messages)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(error: ApiError) -> String {
        let body = axum::body::to_bytes(error.into_response().into_body(), 10_000).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn messages_are_grouped_by_field_in_the_order_they_came() {
        let error = ApiError::taken("username").and("email", "is bad").and("username", "is too long");

        assert_eq!(error.status(), StatusCode::CONFLICT);
        assert_eq!(body(error).await, r#"{"errors":{"username":["has already been taken","is too long"],"email":["is bad"]}}"#);
    }

    #[tokio::test]
    async fn a_cause_is_kept_for_the_log_and_never_shown() {
        let error = ApiError::internal(anyhow::anyhow!("the password is 1234"));

        assert_eq!(body(error).await, r#"{"errors":{"server":["internal error"]}}"#);
        let response = ApiError::internal(anyhow::anyhow!("x")).into_response();
        assert!(response.extensions().get::<Cause>().is_some());
    }

    #[test]
    fn what_is_down_says_when_to_come_back() {
        let response = ApiError::unavailable(anyhow::anyhow!("x")).into_response();

        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(ApiError::too_many(7).into_response().headers()[RETRY_AFTER], "7");
    }
}
