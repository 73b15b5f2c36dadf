//! Idempotency keys of registrations and logins, and ids that are drawn twice.

use magnitude_accounts::sweep::sweep_once;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{PASSWORD, TestApp, email, send, token_of};

const KEY: &str = "1";

async fn register(test: &TestApp, username: &str, email: &str, password: &str) -> (StatusCode, Value) {
    let user = json!({ "user": { "username": username, "email": email, "password": password } });
    send(test.request(Method::POST, "/users").header("idempotency-key", KEY).json(&user)).await
}

async fn login(test: &TestApp, key: &str, password: &str) -> StatusCode {
    let user = json!({ "user": { "email": email("ann"), "password": password } });
    send(test.request(Method::POST, "/users/login").header("idempotency-key", key).json(&user)).await.0
}

#[tokio::test]
async fn a_registration_under_its_key_is_the_same_whatever_was_changed_since() {
    let test = TestApp::new().await;
    let (status, first) = register(&test, "ann", &email("ann"), PASSWORD).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    for changes in [json!({ "username": "anna" }), json!({ "email": email("anna") }), json!({ "password": "another horse" })] {
        assert_eq!(test.update(&token_of(&first), changes).await.0, StatusCode::OK);

        let (status, mut again) = register(&test, "ann", &email("ann"), PASSWORD).await;

        assert_eq!(status, StatusCode::CREATED, "{again}");
        assert_eq!(test.user(&token_of(&again)).await.1["user"]["username"], "anna");
        again["user"]["token"] = first["user"]["token"].clone();
        assert_eq!(again, first);
    }
    assert_eq!(test.rows::<(i64,)>("select id from users").await.len(), 1);
}

#[tokio::test]
async fn a_registration_under_a_used_key_is_refused_if_its_body_says_something_else() {
    let test = TestApp::new().await;
    let (_, first) = register(&test, "ann", &email("ann"), PASSWORD).await;
    test.update(&token_of(&first), json!({ "username": "anna", "password": "another horse" })).await;

    for (username, password) in [("anna", PASSWORD), ("ann", "another horse"), ("anna", "another horse")] {
        let (status, body) = register(&test, username, &email("ann"), password).await;

        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{username} {password}: {body}");
    }
}

#[tokio::test]
async fn a_key_of_a_registration_that_failed_may_be_used_again() {
    let test = TestApp::new().await;
    test.join("ann").await;
    assert_eq!(register(&test, "ann", &email("bob"), PASSWORD).await.0, StatusCode::CONFLICT);

    let (status, body) = register(&test, "bob", &email("bob"), PASSWORD).await;

    assert_eq!(status, StatusCode::CREATED, "{body}");
}

#[tokio::test]
async fn what_a_registration_said_first_is_forgotten_with_its_key() {
    let test = TestApp::new().await;
    register(&test, "ann", &email("ann"), PASSWORD).await;
    let first = "select first_password_hash from users where first_password_hash is not null or first_names is not null";
    sweep_once(&test.app).await;
    assert_eq!((test.names().await.len(), test.rows::<(String,)>(first).await.len()), (3, 1), "the key counts still");
    test.execute("update names set expires_at = now() - interval '26 hours' where sharding.guard(bucket)").await;
    test.execute("update users set created_at = now() - interval '26 hours' where sharding.guard(bucket)").await;

    sweep_once(&test.app).await;

    assert_eq!(test.rows::<(String,)>(first).await, []);
    test.assert_settled(1).await;
}

#[tokio::test]
async fn a_login_under_a_used_key_is_refused_with_another_password_though_it_is_right() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    assert_eq!(login(&test, KEY, PASSWORD).await, StatusCode::OK);
    assert_eq!(login(&test, KEY, PASSWORD).await, StatusCode::OK);
    test.update(&token, json!({ "password": "another horse" })).await;

    assert_eq!(login(&test, KEY, "another horse").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(login(&test, "2", "another horse").await, StatusCode::OK);
}

/// The first who inserts a row finds its id taken, on each shard.
async fn take_the_first_id(test: &TestApp, [take, trigger]: [&'static str; 2]) {
    for sql in ["create sequence draws", take, trigger] {
        test.execute(sql).await;
    }
}

const OF_A_USER: [&str; 2] = [
    "
    create function take() returns trigger language plpgsql as $$ begin
        if nextval('draws') = 1 then
            insert into users (bucket, id, username, email, password_hash, write_id)
            values (new.bucket, new.id, 'other', 'other', '', gen_random_uuid());
        end if;
        return new;
    end $$",
    "create trigger take before insert on users for each row execute function take()",
];

const OF_A_SESSION: [&str; 2] = [
    "
    create function take() returns trigger language plpgsql as $$ begin
        if nextval('draws') = 1 then
            insert into sessions (bucket, id, token_hash, user_id, device, created_at, last_used_at, expires_at)
            values (new.bucket, new.id, '', new.user_id, 'other', now(), now(), now() + interval '1 hour');
        end if;
        return new;
    end $$",
    "create trigger take before insert on sessions for each row execute function take()",
];

#[tokio::test]
async fn a_user_whose_id_is_taken_gets_another() {
    let test = TestApp::new().await;
    take_the_first_id(&test, OF_A_USER).await;

    let (status, body) = register(&test, "ann", &email("ann"), PASSWORD).await;

    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(test.names().await.len(), 3);
    assert_eq!(test.user(&token_of(&body)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_session_whose_id_is_taken_gets_another() {
    let test = TestApp::new().await;
    take_the_first_id(&test, OF_A_SESSION).await;

    let token = test.join("ann").await;

    assert_eq!(test.rows::<(i64,)>("select id from sessions").await.len(), 2);
    assert_eq!(test.that_lost_sessions().await.user(&token).await.0, StatusCode::OK);
}
