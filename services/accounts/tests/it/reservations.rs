//! Reservations whose write never came, or came late.

use std::time::SystemTime;

use futures_util::join;
use magnitude_accounts::{
    names::{self, Claim, Name, Reserved, reserve},
    store,
    sweep::sweep_once,
};
use magnitude_ids::{Bucket, Id};
use magnitude_kit::eventually;
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::app::{TestApp, email};

pub fn claim() -> Claim {
    Claim { user: Id::new(Bucket::random(), SystemTime::now()), write_id: Uuid::new_v4(), version: 1 }
}

#[tokio::test]
async fn a_name_is_free_again_once_its_reservation_expired() {
    let test = TestApp::new().await;
    assert_eq!(reserve(&test.app, &Name::username("bob"), claim()).await.unwrap(), Reserved::Ours);
    assert_eq!(test.register("bob", &email("bob")).await.0, StatusCode::CONFLICT);
    test.expire_reservations().await;

    let (status, body) = test.register("bob", &email("bob")).await;

    assert_eq!(status, StatusCode::CREATED, "{body}");
    test.assert_settled(1).await;
}

#[tokio::test]
async fn a_write_cannot_come_any_more_once_its_name_was_given_away() {
    let test = TestApp::new().await;
    let (name, late) = (Name::username("bob"), claim());
    reserve(&test.app, &name, late).await.unwrap();
    test.expire_reservations().await;
    assert_eq!(reserve(&test.app, &name, claim()).await.unwrap(), Reserved::Ours);

    let write = names::begin(&test.app, late).await.unwrap();

    assert!(write.is_none(), "the name would have two users");
}

#[tokio::test]
async fn an_expired_reservation_whose_write_came_is_kept() {
    let test = TestApp::new().await;
    test.join("bob").await;
    // As if the process had died between the user's row and the confirmation.
    test.execute("update names set confirmed = false where sharding.guard(bucket)").await;
    test.expire_reservations().await;

    let (status, _) = test.register("bob", &email("other")).await;

    assert_eq!(status, StatusCode::CONFLICT);
    let kept = test.names().await.into_iter().find(|(_, name, _)| name == "bob");
    assert_eq!(kept, Some(("username".to_owned(), "bob".to_owned(), true)));
}

#[tokio::test]
async fn the_sweeper_keeps_what_was_taken_and_frees_what_was_not() {
    let test = TestApp::new().await;
    test.join("ann").await;
    test.execute("update names set confirmed = false where sharding.guard(bucket)").await;
    reserve(&test.app, &Name::username("bob"), claim()).await.unwrap();
    reserve(&test.app, &Name::email("bob@example.org"), claim()).await.unwrap();
    test.expire_reservations().await;

    sweep_once(&test.app).await;

    test.assert_settled(1).await;
    assert_eq!(test.profile("ann").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_sweeper_leaves_reservations_alone_that_did_not_expire() {
    let test = TestApp::new().await;
    reserve(&test.app, &Name::username("bob"), claim()).await.unwrap();

    sweep_once(&test.app).await;

    assert_eq!(test.names().await, [("username".to_owned(), "bob".to_owned(), false)]);
}

#[tokio::test]
async fn a_registration_that_outlasts_its_reservation_leaves_nothing() {
    let test = TestApp::new().await;
    // The registration has its username and waits for its email, which nobody has taken when this transaction ends.
    let email_of_bob = email("bob");
    let name = Name::email(&email_of_bob);
    let mut before = test.app.shards.write(name.bucket()).await.unwrap();
    store::names::insert(&mut before, &name, claim()).await.unwrap();
    let outlasted = async {
        eventually("the username is reserved", async || test.names().await.len() == 1).await;
        test.expire_reservations().await;
        let won = test.register("bob", &email("other")).await;
        before.rollback().await;
        won
    };

    let ((late, _), (won, body)) = join!(test.register("bob", &email_of_bob), outlasted);

    assert_eq!(won, StatusCode::CREATED, "{body}");
    // It began anew, and found the username taken.
    assert_eq!(late, StatusCode::CONFLICT);
    test.assert_settled(1).await;
}

#[tokio::test]
async fn a_rename_that_died_does_not_keep_its_own_user_from_renaming() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let user = test.internal().by_username("ann").await.unwrap().expect("she is there").id;
    let (name, email) = (Name::username("anna"), Name::email("anna@example.org"));
    for name in [&name, &email] {
        let died = Claim { user, write_id: Uuid::new_v4(), version: 2 };
        assert_eq!(reserve(&test.app, name, died).await.unwrap(), Reserved::Ours);
    }

    let (status, body) = test.update(&token, json!({ "username": name.text, "email": email.text })).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    test.assert_settled(1).await;
}

#[tokio::test]
async fn a_rename_that_was_only_late_is_not_made_once_its_name_was_taken_over() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let user = test.internal().by_username("ann").await.unwrap().expect("she is there").id;
    let late = Claim { user, write_id: Uuid::new_v4(), version: 2 };
    reserve(&test.app, &Name::username("anna"), late).await.unwrap();
    assert_eq!(test.update(&token, json!({ "username": "anna" })).await.0, StatusCode::OK);

    assert!(names::begin(&test.app, late).await.unwrap().is_none());
}
