//! Sessions as Postgres remembers them: Redis may have lost them all.

use std::time::{Duration, Instant};

use magnitude_accounts::sweep::sweep_once;
use magnitude_kit::eventually;
use magnitude_session::Token;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

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

#[tokio::test]
async fn a_session_that_registered_or_wrote_a_moment_ago_is_known_to_every_instance() {
    let test = TestApp::new().await;
    for number in 0..20 {
        let begun = Instant::now();
        let token = test.join(&format!("ann{number}")).await;
        let parsed = Token::parse(&token).expect("it is a token");
        // The state beside the instance asks Redis as another instance would.
        let wrote = async || test.app.sessions.resolve(&parsed).await.unwrap().expect("it is live").wrote;
        let (registered, first) = (wrote().await, begun.elapsed());
        eventually("that is over", async || !wrote().await).await;

        let begun = Instant::now();
        assert_eq!(test.update(&token, json!({ "bio": "x" })).await.0, StatusCode::OK);
        let (written, second) = (wrote().await, begun.elapsed());

        // It is known for two seconds, and on a busy machine nobody may ask before they are over.
        if first.max(second) < Duration::from_millis(1_500) {
            assert!(registered && written, "registered: {registered}, written: {written}");
            return;
        }
    }
    panic!("nobody asked in time");
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

/// Signs Ann in from a device of this name.
async fn sign_in_from(test: &TestApp, device: &str) -> String {
    let user = json!({ "user": { "email": email("ann"), "password": PASSWORD } });
    let (status, body) = send(test.request(Method::POST, "/users/login").header("user-agent", device).json(&user)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    token_of(&body)
}

/// Ann, signed in from a device that did nothing for so long.
async fn idle_for(change: &'static str) -> (TestApp, String) {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    sign_in_from(&test, "idle").await;
    test.execute(change).await;
    (test, token)
}

async fn listed(test: &TestApp, token: &str) -> Vec<Value> {
    let (_, body) = send(signed(test.request(Method::GET, "/user/sessions"), token)).await;
    body["sessions"].as_array().expect("there is a list").clone()
}

#[tokio::test]
async fn the_list_shows_when_a_session_ends_by_idleness() {
    let nine = "update sessions set last_used_at = date_trunc('second', now()) - interval '9000 seconds'
                where device = 'idle' and sharding.guard(bucket)";
    let (test, token) = idle_for(nine).await;

    // The change went past the service, so the list may come from a replica that does not have it yet.
    eventually("the idle session ends before the other", async || {
        let sessions = listed(&test, &token).await;
        let time = |field: &str| sessions[0][field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!((sessions.len(), &sessions[0]["device"]), (2, &json!("idle")));
        let left = time("expiresAt") - chrono::Utc::now();
        (time("expiresAt") - time("lastUsedAt")).num_seconds() == 10_000 && left.num_seconds() <= 1_000
    })
    .await;
}

#[tokio::test]
async fn the_list_leaves_out_what_ended_by_idleness() {
    let eleven = "update sessions set last_used_at = now() - interval '11000 seconds' where device = 'idle' and sharding.guard(bucket)";
    let (test, token) = idle_for(eleven).await;

    eventually("only the calling session is listed", async || {
        let sessions = listed(&test, &token).await;
        sessions.len() == 1 && sessions[0]["current"] == json!(true)
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_revokes_only_sessions_that_still_run() {
    let expired = "update sessions set expires_at = now() - interval '1 minute' where device = 'idle' and sharding.guard(bucket)";
    let (test, token) = idle_for(expired).await;
    sign_in_from(&test, "live").await;

    test.update(&token, json!({ "password": "another horse" })).await;

    let revoked = test.rows::<(String,)>("select device from sessions where revoked_at is not null").await;
    assert_eq!(revoked, [("live".to_owned(),)]);
}

#[tokio::test]
async fn the_sweeper_deletes_sessions_a_day_after_their_end() {
    let (test, token) =
        idle_for("update sessions set expires_at = now() - interval '25 hours' where device = 'idle' and sharding.guard(bucket)").await;
    let revoked = sign_in_from(&test, "revoked").await;
    assert_eq!(send(signed(test.request(Method::POST, "/users/logout"), &revoked)).await.0, StatusCode::NO_CONTENT);
    let devices = async || test.rows::<(String,)>("select device from sessions where device in ('idle', 'revoked')").await;

    sweep_once(&test.app).await;
    assert_eq!(devices().await, [("revoked".to_owned(),)]);
    test.execute("update sessions set expires_at = expires_at - interval '25 hours' where device = 'revoked' and sharding.guard(bucket)")
        .await;
    sweep_once(&test.app).await;

    assert_eq!(devices().await, []);
    assert!(is_signed_in(&test, &token).await);
    assert!(!is_signed_in(&test.that_lost_sessions().await, &revoked).await);
}

#[tokio::test]
async fn nobody_is_told_of_sessions_that_did_not_end() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    for sql in [
        "create table kept (kind text)",
        "create function keep() returns trigger language plpgsql as $$ begin insert into kept values (new.kind); return new; end $$",
        "create trigger keep after insert on jobs.jobs for each row execute function keep()",
    ] {
        test.execute(sql).await;
    }

    let unknown = send(signed(test.request(Method::DELETE, "/user/sessions/2"), &token)).await.0;
    let (updated, _) = test.update(&token, json!({ "bio": "hello" })).await;

    assert_eq!((unknown, updated), (StatusCode::NOT_FOUND, StatusCode::OK));
    assert_eq!(test.rows::<(String,)>("select kind from kept").await, [("settle_names".to_owned(),)]);
}
