use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{TestApp, send, token};

#[tokio::test]
async fn following_answers_the_profile_and_can_be_repeated() {
    let app = TestApp::new().await;
    let profile = |following| json!({ "profile": { "username": "bob", "bio": "I am bob", "image": null, "following": following } });

    for _ in 0..2 {
        assert_eq!(app.follow(&app.ann, "bob").await, (StatusCode::OK, profile(true)));
    }
    for _ in 0..2 {
        assert_eq!(app.unfollow(&app.ann, "bob").await, (StatusCode::OK, profile(false)));
    }

    assert_eq!(app.rows().await, [Some((false, 2)), Some((false, 2))]);
}

#[tokio::test]
async fn unfollowing_a_stranger_leaves_no_row() {
    let app = TestApp::new().await;

    let (status, _) = app.unfollow(&app.ann, "bob").await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(app.rows().await, [None, None]);
}

#[tokio::test]
async fn a_body_is_ignored_whatever_it_is() {
    let app = TestApp::new().await;
    for (content_type, body) in [("application/json", "{not json"), ("text/plain", "hello"), ("multipart/form-data", "")] {
        let request = app.request(Method::POST, "bob").header("authorization", token(&app.ann));

        let (status, _) = send(request.header("content-type", content_type).body(body)).await;

        assert_eq!(status, StatusCode::OK, "{content_type}");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_learns_nothing_else() {
    let app = TestApp::new().await;
    for username in ["bob", "nobody"] {
        let missing = send(app.request(Method::POST, username)).await;
        assert_eq!(missing, (StatusCode::UNAUTHORIZED, json!({ "errors": { "token": ["is missing"] } })));

        let invalid = send(app.request(Method::DELETE, username).header("authorization", "Token x")).await;
        assert_eq!(invalid, (StatusCode::UNAUTHORIZED, json!({ "errors": { "token": ["is invalid"] } })));
    }
}

#[tokio::test]
async fn who_does_not_exist_cannot_be_followed() {
    let app = TestApp::new().await;
    let not_found = (StatusCode::NOT_FOUND, json!({ "errors": { "profile": ["not found"] } }));

    for username in ["nobody", "%00", "%ff"] {
        assert_eq!(app.follow(&app.ann, username).await, not_found, "{username}");
        assert_eq!(app.unfollow(&app.ann, username).await, not_found, "{username}");
    }
    // 404 is decided before 422.
    let bad_key = app.request(Method::POST, "nobody").header("authorization", token(&app.ann)).header("idempotency-key", "a b");
    assert_eq!(send(bad_key).await, not_found);
}

#[tokio::test]
async fn oneself_cannot_be_followed() {
    let app = TestApp::new().await;

    for (status, body) in [app.follow(&app.ann, "ann").await, app.unfollow(&app.ann, "ann").await] {
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(body["errors"]["username"][0].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let app = TestApp::new().await;
    let keyed = || app.request(Method::POST, "bob").header("authorization", token(&app.ann)).header("idempotency-key", "1");
    let first = send(keyed()).await;
    app.unfollow(&app.ann, "bob").await;

    let again = send(keyed()).await;

    assert_eq!(again, first);
    assert_eq!(app.rows().await[0], Some((false, 2)), "the repetition followed once more");
}
