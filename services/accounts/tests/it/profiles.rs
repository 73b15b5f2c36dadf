use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{TestApp, send, signed};

#[tokio::test]
async fn what_no_username_or_session_can_be_is_not_found() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    for name in ["%00", "%ff", "nobody"] {
        let session = send(signed(test.request(Method::DELETE, &format!("/user/sessions/{name}")), &token)).await;

        assert_eq!(session, (StatusCode::NOT_FOUND, json!({ "errors": { "session": ["not found"] } })), "{name}");
        assert_eq!(test.profile(name).await, (StatusCode::NOT_FOUND, json!({ "errors": { "profile": ["not found"] } })), "{name}");
    }
}
