use std::time::SystemTime;

use futures_util::future::join_all;
use magnitude_accounts::names::{Claim, Name, Reserved, reserve};
use magnitude_ids::{Bucket, Id};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::app::{TestApp, email};

const MANY: usize = 200;

#[tokio::test]
async fn of_many_reservations_of_one_name_one_wins() {
    let test = TestApp::new().await;
    let name = Name::username("bob");
    let claim = || Claim { user: Id::new(Bucket::random(), SystemTime::now()), write_id: Uuid::new_v4(), version: 1 };

    let outcomes = join_all((0..MANY).map(async |_| reserve(&test.app, &name, claim()).await.unwrap())).await;

    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Reserved::Ours)).count(), 1);
    assert_eq!(test.names().await, [("username".to_owned(), "bob".to_owned(), false)]);
}

#[tokio::test]
async fn of_many_who_register_one_username_one_gets_it_and_the_others_leave_nothing() {
    let test = TestApp::new().await;

    let answers = join_all((0..MANY).map(async |number| test.register("bob", &email(&format!("bob{number}"))).await)).await;

    assert_one_won(&answers, StatusCode::CREATED, "username");
    test.assert_settled(1).await;
    assert_eq!(test.profile("bob").await.0, StatusCode::OK);
}

#[tokio::test]
async fn of_many_who_register_one_email_one_gets_it_and_the_others_leave_nothing() {
    let test = TestApp::new().await;

    let answers = join_all((0..MANY).map(async |number| test.register(&format!("bob{number}"), "Bob@example.org").await)).await;

    assert_one_won(&answers, StatusCode::CREATED, "email");
    assert_eq!(test.rows::<(String,)>("select email from users").await, [("Bob@example.org".to_owned(),)]);
    test.execute("update users set email = lower(email) where sharding.guard(bucket)").await;
    test.assert_settled(1).await;
}

#[tokio::test]
async fn of_many_who_rename_to_one_name_one_gets_it() {
    let test = TestApp::new().await;
    let tokens = join_all((0..20).map(async |number| test.join(&format!("bob{number}")).await)).await;

    let answers = join_all(tokens.iter().map(|token| test.update(token, json!({ "username": "king" })))).await;

    assert_one_won(&answers, StatusCode::OK, "username");
    test.assert_settled(20).await;
    assert_eq!(test.profile("king").await.0, StatusCode::OK);
}

#[tokio::test]
async fn racing_renames_of_one_user_end_with_the_names_of_the_row() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    for _ in 0..10 {
        let [first, second] = ["anna", "annie"].map(|name| test.update(&token, json!({ "username": name, "email": email(name) })));

        let ((first, _), (second, _)) = futures_util::join!(first, second);

        assert_eq!([first, second], [StatusCode::OK; 2]);
        test.assert_settled(1).await;
    }
}

#[tokio::test]
async fn one_rename_sent_twice_at_once_succeeds_twice() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    for name in ["anna", "ann", "anna", "ann"] {
        let rename = || test.update(&token, json!({ "username": name }));

        let answers = join_all([rename(), rename(), rename()]).await;

        assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
        test.assert_settled(1).await;
    }
}

fn assert_one_won(answers: &[(StatusCode, serde_json::Value)], won: StatusCode, field: &str) {
    let (winners, losers): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == won);
    assert_eq!(winners.len(), 1, "{winners:?}");
    for (status, body) in losers {
        assert_eq!((*status, &body["errors"][field]), (StatusCode::CONFLICT, &json!(["has already been taken"])), "{body}");
    }
}
