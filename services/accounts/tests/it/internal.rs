//! What the other services ask.

use magnitude_ids::{Bucket, Id};
use magnitude_session::Token;
use reqwest::StatusCode;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn a_user_is_found_by_name_and_by_id_as_the_last_update_left_it() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let before = test.internal().by_username("ann").await.unwrap().expect("she is there");

    let (status, _) = test.update(&token, json!({ "username": "anna", "bio": "hello" })).await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(test.internal().by_username("ann").await.unwrap(), None);
    let after = test.internal().by_username("anna").await.unwrap().expect("she is there");
    assert_eq!((after.id, after.bio.as_deref()), (before.id, Some("hello")));
    let nobody = Id::from_i64(1).expect("it is an id");
    let found = test.internal().profiles(&[after.id, nobody]).await.unwrap();
    assert_eq!(found.into_values().collect::<Vec<_>>(), [after]);
}

#[tokio::test]
async fn a_session_is_found_by_the_hash_of_its_token() {
    let test = TestApp::new().await;
    let token = Token::parse(&test.join("ann").await).expect("it is a token");
    let unknown = Token::new(Bucket::random());

    let session = test.internal().session(token.bucket(), token.hash()).await.unwrap().expect("it is live");

    let user = test.internal().by_username("ann").await.unwrap().expect("she is there");
    assert_eq!(session.user, user.id);
    assert!(test.internal().session(unknown.bucket(), unknown.hash()).await.unwrap().is_none());
}
