//! Too many registrations, logins and writes are answered with 429.

use std::time::{Duration, Instant};

use magnitude_accounts::Settings;
use magnitude_kit::eventually;
use magnitude_limit::Rate;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

use crate::app::{Instance, PASSWORD, TestApp, email, send, signed};

/// No third one comes while a test runs.
const TWO: Rate = Rate { per_second: 0.001, burst: 2.0 };

/// Another instance, with other limits.
async fn limited(test: &TestApp, change: impl FnOnce(&mut Settings)) -> Instance {
    let mut settings = test.settings.clone();
    change(&mut settings);
    Instance::start(settings).await
}

fn login(instance: &Instance, email: &str, password: &str, address: &str) -> RequestBuilder {
    let user = json!({ "user": { "email": email, "password": password } });
    instance.request(Method::POST, "/users/login").header("x-envoy-external-address", address).json(&user)
}

async fn status(request: RequestBuilder) -> StatusCode {
    send(request).await.0
}

/// How many of six are answered, all others being refused for a while.
async fn passed(request: impl Fn() -> RequestBuilder) -> usize {
    let mut passed = 0;
    for _ in 0..6 {
        match status(request()).await {
            StatusCode::TOO_MANY_REQUESTS => {}
            status => {
                assert!(!status.is_server_error(), "{status}");
                passed += 1;
            }
        }
    }
    passed
}

#[tokio::test]
async fn an_account_is_guessed_at_only_so_often_from_anywhere_and_its_owner_gets_in_when_told() {
    let test = TestApp::new().await;
    test.join("bob").await;
    // One in five seconds.
    let rate = Rate { per_second: 0.2, ..TWO };
    let strict = limited(&test, |settings| settings.sign_in.per_account = rate).await;
    for number in 0..20 {
        let name = format!("ann{number}");
        test.join(&name).await;
        let begun = Instant::now();
        for (email, address) in [(email(&name), "10.0.0.1"), (email(&name.to_uppercase()), "10.0.0.2")] {
            assert_eq!(status(login(&strict, &email, "a wrong one", address)).await, StatusCode::UNAUTHORIZED);
        }

        let refused = login(&strict, &email(&name), PASSWORD, "10.0.0.3").send().await.unwrap();

        // On a busy machine the two may take longer than the next one does to come.
        if begun.elapsed() >= Duration::from_millis(4_900) {
            continue;
        }
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let told: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&told), "{told}");
        assert_eq!(refused.text().await.unwrap(), r#"{"errors":{"server":["too many requests, try again later"]}}"#);
        assert_eq!(status(login(&strict, &email("bob"), PASSWORD, "10.0.0.3")).await, StatusCode::OK);
        eventually("she gets in", async || status(login(&strict, &email(&name), PASSWORD, "10.0.0.3")).await == StatusCode::OK).await;
        return;
    }
    panic!("no two logins were quick enough");
}

#[tokio::test]
async fn an_address_signs_only_so_many_in() {
    let test = TestApp::new().await;
    let strict = limited(&test, |settings| settings.sign_in.per_address = TWO).await;
    let join = |name: &str, address| strict.registration(name, &email(name)).header("x-envoy-external-address", address);
    for name in ["ann", "bob"] {
        assert_eq!(status(join(name, "10.0.0.1")).await, StatusCode::CREATED);
    }

    assert_eq!(status(join("eve", "10.0.0.1")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(join("eve", "10.0.0.2")).await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_user_writes_only_so_often_and_reads_go_on() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let strict = limited(&test, |settings| settings.limits.writes_per_user = TWO).await;
    let update = || signed(strict.request(Method::PUT, "/user"), &token).json(&json!({ "user": { "bio": "x" } }));

    assert_eq!(passed(update).await, 2);
    assert_eq!(strict.user(&token).await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_redis_each_instance_applies_its_share_and_nobody_gets_a_5xx() {
    let test = TestApp::new().await;
    let strict = limited(&test, |settings| {
        settings.sessions.nodes = vec!["127.0.0.1:9".to_owned()];
        settings.limits.instances = 2;
        settings.sign_in.per_account = Rate { burst: 6.0, ..TWO };
    })
    .await;
    test.join("ann").await;

    assert_eq!(passed(|| login(&strict, &email("ann"), PASSWORD, "10.0.0.1")).await, 3);
}
