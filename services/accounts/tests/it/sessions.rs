//! Sessions as Postgres remembers them: Redis may have lost them all.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{Instance, PASSWORD, TestApp, email, send, signed, token_of};

async fn is_signed_in(instance: &Instance, token: &str) -> bool {
    match instance.user(token).await.0 {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => false,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn a_session_outlives_redis() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;

    let lost = test.that_lost_sessions().await;

    assert!(is_signed_in(&lost, &token).await);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_also_where_redis_forgot_them() {
    let test = TestApp::new().await;
    let calling = test.join("ann").await;
    let other = token_of(&test.login(&email("ann"), PASSWORD).await.1);
    let lost = test.that_lost_sessions().await;

    let (status, body) = test.update(&calling, json!({ "password": "another horse" })).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    for instance in [&test.instance, &lost] {
        assert!(is_signed_in(instance, &calling).await);
        assert!(!is_signed_in(instance, &other).await);
    }
    assert_eq!(test.login(&email("ann"), PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(test.login(&email("ann"), "another horse").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_session_that_ended_is_found_nowhere() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let lost = test.that_lost_sessions().await;

    let (status, _) = send(signed(test.request(Method::POST, "/users/logout"), &token)).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(!is_signed_in(&test, &token).await);
    assert!(!is_signed_in(&lost, &token).await);
}

/// Whether a session is still found after its row was changed so.
async fn lives_on_after(change: &'static str) -> bool {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    test.execute(change).await;
    is_signed_in(&test.that_lost_sessions().await, &token).await
}

#[tokio::test]
async fn a_session_ends_when_it_was_idle_too_long() {
    let idle = "update sessions set last_used_at = now() - interval '10001 seconds' where sharding.guard(bucket)";
    assert!(!lives_on_after(idle).await);
}

#[tokio::test]
async fn a_session_ends_when_it_is_too_old_however_it_is_used() {
    assert!(!lives_on_after("update sessions set expires_at = now() - interval '1 second' where sharding.guard(bucket)").await);
    assert!(lives_on_after("update sessions set expires_at = now() + interval '1 minute' where sharding.guard(bucket)").await);
}
