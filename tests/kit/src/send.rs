use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

/// The status, and the body as JSON; null if there is none.
pub async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("the service answers");
    let status = response.status();
    let body = response.bytes().await.expect("the whole answer");
    let json = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("it answers with JSON") };
    (status, json)
}
