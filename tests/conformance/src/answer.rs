//! A response, and what can be asserted of it.

use std::collections::BTreeSet;

use reqwest::{Response, header::HeaderMap};
use serde_json::{Value, json};

const JSON: &str = "application/json; charset=utf-8";

#[derive(Debug)]
pub struct Answer {
    request: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body, or null where it is not JSON.
    pub json: Value,
}

impl Answer {
    pub(crate) async fn read(request: String, response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap_or_else(|error| panic!("half an answer to\n{request}\n{error:?}"));
        Self::new(request, status, headers, text)
    }

    pub(crate) fn new(request: String, status: u16, headers: HeaderMap, text: String) -> Self {
        Self { request, status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// A JSON body under this status; the body.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "status of\n{self}");
        assert_eq!(self.header("content-type"), JSON, "content type of\n{self}");
        assert!(self.json.is_object(), "no JSON object in\n{self}");
        &self.json
    }

    /// 204 and nothing else.
    #[track_caller]
    pub fn is_empty(&self) {
        assert_eq!(self.status, 204, "status of\n{self}");
        assert!(self.text.is_empty(), "204 with a body:\n{self}");
    }

    /// This status with exactly these errors, as `{"field": ["message"]}`.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "callers write json!(..) in place")]
    pub fn refuses(&self, status: u16, errors: Value) {
        assert_eq!(self.is(status), &json!({ "errors": errors }), "errors of\n{self}");
    }

    /// This status with an entry for each of these fields and no other; the messages are ours to choose.
    #[track_caller]
    pub fn blames(&self, status: u16, fields: &[&str]) {
        self.refuses_somehow(status);
        let errors = self.json["errors"].as_object().into_iter().flatten();
        let blamed: BTreeSet<_> = errors.map(|(field, _)| field.as_str()).collect();
        assert_eq!(blamed, fields.iter().copied().collect(), "the fields that are blamed by\n{self}");
    }

    /// This status in the API's error shape.
    #[track_caller]
    pub fn refuses_somehow(&self, status: u16) {
        self.is(status);
        self.has_error_shape();
    }

    /// Some 4xx in the API's error shape.
    #[track_caller]
    pub fn is_clients_fault(&self) {
        assert!((400..500).contains(&self.status), "not a 4xx:\n{self}");
        assert_eq!(self.header("content-type"), JSON, "content type of\n{self}");
        self.has_error_shape();
    }

    /// `{"errors": {"field": ["message", ...], ...}}`, nothing else, nothing empty.
    #[track_caller]
    fn has_error_shape(&self) {
        let errors = self.json["errors"].as_object();
        let errors = errors.unwrap_or_else(|| panic!("no errors object in\n{self}"));
        assert_eq!(self.json.as_object().map(serde_json::Map::len), Some(1), "{self}");
        assert!(!errors.is_empty(), "no field is named by\n{self}");
        for messages in errors.values() {
            let messages = messages.as_array().map_or(&[][..], Vec::as_slice);
            assert!(!messages.is_empty(), "a field without a message in\n{self}");
            assert!(messages.iter().all(Value::is_string), "{self}");
        }
    }

    /// A header as text, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or("")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown: String = self.text.chars().take(2_000).collect();
        write!(f, "{}\n-> {} {}\n{shown}", self.request, self.status, self.header("content-type"))
    }
}

/// `2026-01-02T03:04:05.678Z`, digit for digit.
pub fn is_timestamp(value: &Value) -> bool {
    let pattern = b"0000-00-00T00:00:00.000Z";
    value.as_str().is_some_and(|text| {
        text.len() == pattern.len()
            && text.bytes().zip(pattern).all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                other => byte == *other,
            })
    })
}
