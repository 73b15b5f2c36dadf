//! Requests that an instance had before which died in the middle of them, as the load balancer brings them to this one.

use std::time::SystemTime;

use magnitude_accounts::{
    jobs::SettleNames,
    keyspaces,
    names::{self, Claim, Name, Reserved, reserve},
    store,
};
use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Freshness, WriteId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::app::{PASSWORD, TestApp, email, send, signed, token_of};

fn again(request: RequestBuilder) -> RequestBuilder {
    request.header("x-request-id", "r").header("x-sent-before", "317")
}

/// Reserves what a registration of ann needs, and dies.
async fn die_before_the_user(test: &TestApp, id: &WriteId) {
    let claim = Claim { user: Id::new(Bucket::random(), SystemTime::now()), write_id: id.id(), version: 1 };
    let key = id.is_keyed().then(|| Name::registration(id.id()));
    for name in key.into_iter().chain([Name::username("ann"), Name::email(&email("ann"))]) {
        assert_eq!(reserve(&test.app, &name, claim).await.unwrap(), Reserved::Ours);
    }
}

#[tokio::test]
async fn a_registration_is_made_that_had_only_reserved_its_names() {
    let request = WriteId::of_request(&email("ann"), "POST /api/users", "r");
    let key = WriteId::from_key(&email("ann"), "POST /api/users", "k", b"");
    for id in [request, key] {
        let test = TestApp::new().await;
        die_before_the_user(&test, &id).await;

        let registration = again(test.registration("ann", &email("ann")));
        let registration = if id.is_keyed() { registration.header("idempotency-key", "k") } else { registration };
        let (status, body) = send(registration).await;

        assert_eq!(status, StatusCode::CREATED, "{body}");
        assert_eq!(test.rows::<(i64,)>("select id from users").await.len(), 1);
        assert!(test.names().await.iter().all(|(_, _, confirmed)| *confirmed));
    }
}

#[tokio::test]
async fn a_registration_that_was_made_is_answered() {
    let test = TestApp::new().await;
    let first = test.registration("ann", &email("ann")).header("x-request-id", "r").header("x-sent-before", "0");
    let (_, first) = send(first).await;
    // As if the process had died between the user's row and the confirmation.
    test.execute("update names set confirmed = false where sharding.guard(bucket)").await;

    let (status, body) = send(again(test.registration("ann", &email("ann")))).await;

    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["user"]["username"], first["user"]["username"]);
    assert_eq!(test.user(&token_of(&body)).await.0, StatusCode::OK);
    assert_eq!(test.rows::<(i64,)>("select id from users").await.len(), 1);
}

/// Nobody was told of the new name, neither the caches nor the name itself.
#[tokio::test]
async fn an_update_that_was_made_is_told_and_its_names_are_settled() {
    let test = TestApp::new().await;
    let ann = test.join("ann").await;
    assert_eq!(test.profile("ann").await.0, StatusCode::OK);
    assert_eq!(test.profile("anna").await.0, StatusCode::NOT_FOUND);
    let (id,) = test.rows::<(i64,)>("select id from users").await[0];
    let user = Id::from_i64(id).unwrap();
    let old = store::users::find(&test.app.shards, Freshness::Primary, user).await.unwrap().unwrap();
    let claim = Claim { user, write_id: Uuid::new_v4(), version: old.version + 1 };
    let new = store::users::User { username: "anna".to_owned(), version: claim.version, ..old.clone() };
    let (taken, left) = (vec![Name::username("anna")], vec![Name::username("ann")]);
    assert_eq!(reserve(&test.app, &taken[0], claim).await.unwrap(), Reserved::Ours);
    let mut write = names::begin(&test.app, claim).await.unwrap().expect("nobody was in the way");
    assert!(write.is_also(&WriteId::of_request(&user.to_string(), "PUT /api/user", "r")).await.unwrap());
    store::users::update(&mut write, &new).await.unwrap();
    let settle = SettleNames { user, write_id: claim.write_id, version: claim.version, taken, left };
    let _dies = magnitude_jobs::enqueue(&mut write, settle).await.unwrap();
    magnitude_jobs::record_voids(&mut write, &keyspaces::voids(user, claim.version)).await.unwrap();
    write.commit().await.unwrap();

    let update = signed(test.request(Method::PUT, "/user"), &ann).json(&json!({ "user": { "username": "anna" } }));
    let (status, body) = send(again(update)).await;

    assert_eq!((status, &body["user"]["username"]), (StatusCode::OK, &json!("anna")));
    assert_eq!(test.profile("anna").await.0, StatusCode::OK);
    assert_eq!(test.profile("ann").await.0, StatusCode::NOT_FOUND);
    let (version,) = test.rows::<(i64,)>("select version from users where username = 'anna'").await[0];
    assert_eq!(version, claim.version, "it was made twice");
    // The old name is free at once.
    assert_eq!(test.register("ann", &email("other")).await.0, StatusCode::CREATED);
    test.assert_settled(2).await;
    // The password is as it was.
    assert_eq!(test.login(&email("ann"), PASSWORD).await.0, StatusCode::OK);
}
