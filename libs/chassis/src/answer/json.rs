use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use magnitude_sharding::Answer;
use serde::Serialize;

use super::ApiError;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// JSON with `application/json; charset=utf-8`.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, JSON)], body).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// A stored first answer as a response.
pub fn answer(answer: Answer) -> Response {
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        return ApiError::internal(anyhow::anyhow!("a stored answer has the status {}", answer.status)).into_response();
    };
    if answer.body.is_empty() {
        return status.into_response();
    }
    (status, [(CONTENT_TYPE, JSON)], answer.body).into_response()
}

/// RFC 3339 UTC with exactly three decimals; what is finer is cut off.
pub fn rfc3339_millis(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_decimals_whatever_they_are() {
        let at = |nanos| rfc3339_millis(DateTime::from_timestamp(1_767_323_045, nanos).unwrap());

        assert_eq!(at(0), "2026-01-02T03:04:05.000Z");
        assert_eq!(at(678_999_999), "2026-01-02T03:04:05.678Z");
    }

    #[test]
    fn an_empty_stored_answer_has_no_content_type() {
        let response = answer(Answer { status: 204, body: String::new() });

        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(!response.headers().contains_key(CONTENT_TYPE));
    }
}
