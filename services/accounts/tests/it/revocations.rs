//! What was revoked is refused soon where Redis was not told.

use std::time::Duration;

use magnitude_accounts::{
    keyspaces::{ACCOUNTS, PROFILES},
    sweep::sweep_once,
};
use magnitude_ids::Id;
use magnitude_kit::eventually;
use magnitude_session::{Revocations, Token, TokenHash};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::app::{Instance, PASSWORD, TestApp, email, send, signed, token_of};

const MINUTE: Duration = Duration::from_mins(1);

/// Two sessions of Ann, and an instance whose Redis holds copies of both that nobody will touch any more.
async fn with_copies() -> (TestApp, Instance, String, String) {
    let test = TestApp::new().await;
    let (first, second) = (test.join("ann").await, token_of(&test.login(&email("ann"), PASSWORD).await.1));
    let cut_off = test.that_lost_sessions().await;
    eventually("its redis is believed", async || told(&test).await.is_some()).await;
    for token in [&first, &second] {
        assert_eq!(cut_off.user(token).await.0, StatusCode::OK);
    }
    (test, cut_off, first, second)
}

/// What others are told was revoked lately.
async fn told(test: &TestApp) -> Option<Vec<TokenHash>> {
    test.internal().revoked(MINUTE).await.ok().map(|news| news.hashes)
}

fn hash(token: &str) -> TokenHash {
    Token::parse(token).expect("it is a token").hash()
}

#[tokio::test]
async fn a_session_that_was_logged_out_elsewhere_is_refused_though_an_old_copy_calls_it_live() {
    let (test, cut_off, first, second) = with_copies().await;
    assert_eq!(send(signed(test.request(Method::POST, "/users/logout"), &first)).await.0, StatusCode::NO_CONTENT);

    // The old copy would be believed for minutes.
    eventually("it is refused", async || cut_off.user(&first).await.0 == StatusCode::UNAUTHORIZED).await;

    assert_eq!(cut_off.user(&second).await.0, StatusCode::OK);
}

#[tokio::test]
async fn sessions_that_a_changed_password_ended_are_told_to_who_asks() {
    let (test, cut_off, first, second) = with_copies().await;

    assert_eq!(test.update(&first, json!({ "password": "another horse" })).await.0, StatusCode::OK);

    eventually("it is told", async || told(&test).await == Some(vec![hash(&second)])).await;
    assert!(test.internal().revoked(MINUTE).await.unwrap().age < MINUTE);
    eventually("it is refused", async || cut_off.user(&second).await.0 == StatusCode::UNAUTHORIZED).await;
    assert_eq!(cut_off.user(&first).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_revocation_whose_commit_took_minutes_is_told_too() {
    let (test, _, first, second) = with_copies().await;
    // Ann lives on one of the shards; on the other nothing matches.
    let mut writes = [test.cluster.primary(0).await, test.cluster.primary(1).await];
    for write in &mut writes {
        sqlx::raw_sql("begin").execute(&mut *write).await.unwrap();
        let revoke = "update sessions set revoked_at = now() where token_hash = $1 and sharding.guard(bucket)";
        sqlx::query(revoke).bind(hash(&first).0.to_vec()).execute(&mut *write).await.unwrap();
        sqlx::raw_sql("update revocations set revoked_at = now() - interval '5 minutes'").execute(&mut *write).await.unwrap();
    }
    assert_eq!(send(signed(test.request(Method::POST, "/users/logout"), &second)).await.0, StatusCode::NO_CONTENT);
    eventually("a later one is told", async || told(&test).await == Some(vec![hash(&second)])).await;

    for write in &mut writes {
        sqlx::raw_sql("commit").execute(&mut *write).await.unwrap();
    }

    eventually("the earlier one is told", async || told(&test).await.is_some_and(|told| told.contains(&hash(&first)))).await;
}

#[tokio::test]
async fn a_log_is_kept_for_as_long_as_anybody_asks() {
    let (test, _, first, second) = with_copies().await;
    for token in [&first, &second] {
        assert_eq!(send(signed(test.request(Method::POST, "/users/logout"), token)).await.0, StatusCode::NO_CONTENT);
    }
    let log = async || test.rows::<(Vec<u8>,)>("select token_hash from revocations").await;
    sweep_once(&test.app).await;
    assert_eq!(log().await.len(), 2);
    test.execute("update revocations set revoked_at = now() - interval '61 minutes'").await;

    sweep_once(&test.app).await;

    assert_eq!(log().await, []);
}

#[tokio::test]
async fn the_session_of_a_user_who_is_gone_is_none() {
    let (test, with_copy, token, _) = with_copies().await;
    test.join("bob").await;
    let [(ann,)] = test.rows::<(i64,)>("select id from users where username = 'ann'").await[..] else { panic!("there is one Ann") };
    let ann = Id::from_i64(ann).expect("it is an id");
    test.execute("delete from users where username = 'ann' and sharding.guard(bucket)").await;
    // Who deletes by hand must void by hand, when no replica can fill with what was deleted any more.
    for shard in 0..2 {
        test.cluster.replayed(shard).await;
    }
    test.app.cache.void(&[ACCOUNTS.drop(ann.bucket(), ann), PROFILES.drop(ann.bucket(), ann)]).await.unwrap();

    for instance in [&test.instance, &with_copy] {
        let profile = send(signed(instance.request(Method::GET, "/profiles/bob"), &token)).await;

        assert_eq!(profile.0, StatusCode::OK, "{}", profile.1);
        assert_eq!(instance.user(&token).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(instance.update(&token, json!({ "bio": "x" })).await.0, StatusCode::UNAUTHORIZED);
    }
    // Where no copy is left the session itself is not found, whatever the route asks of it.
    let token = Token::parse(&token).expect("it is a token");
    assert!(test.internal().session(token.bucket(), token.hash()).await.unwrap().is_none());
}
