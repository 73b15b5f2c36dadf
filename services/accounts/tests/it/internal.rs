//! What the other services ask.

use magnitude_contract::media::Taken;
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

#[tokio::test]
async fn which_images_users_show_is_told_whatever_serves_them() {
    let test = TestApp::with_media(Taken::Taken).await;
    let (ann, bob) = (test.join("ann").await, test.join("bob").await);
    let [one, two, three] = ["1", "2", "3"].map(|digit| digit.repeat(64));
    for (token, image) in [(&ann, format!("/objects/{one}")), (&bob, format!("https://edge.example.org/objects/{two}"))] {
        let (status, answer) = test.update(token, json!({ "image": image })).await;
        assert_eq!((status, &answer["user"]["image"]), (StatusCode::OK, &json!(image)));
    }

    let asked = [one.clone(), two.clone(), three];
    assert_eq!(test.internal().images(&asked).await.unwrap(), [one, two.clone()].into());

    test.update(&ann, json!({ "image": null })).await;
    assert_eq!(test.internal().images(&asked).await.unwrap(), [two].into());
}

#[tokio::test]
async fn an_image_that_is_being_deleted_cannot_be_shown() {
    let test = TestApp::with_media(Taken::Doomed).await;
    let token = test.join("ann").await;
    let image = format!("/objects/{}", "1".repeat(64));

    let (status, answer) = test.update(&token, json!({ "image": image })).await;

    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer, json!({"errors": {"image": ["is no longer there, upload it again"]}}));
    for elsewhere in ["https://example.org/a.png", "/objects/none", "not a url"] {
        assert_eq!(test.update(&token, json!({ "image": elsewhere })).await.0, StatusCode::OK, "{elsewhere}");
    }
}

#[tokio::test]
async fn an_image_of_ours_is_not_shown_while_nobody_can_keep_it() {
    let test = TestApp::new().await;
    let token = test.join("ann").await;
    let image = format!("/objects/{}", "1".repeat(64));

    let (status, _) = test.update(&token, json!({ "image": image })).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(test.update(&token, json!({ "bio": "hello" })).await.0, StatusCode::OK, "all else can be changed");
}
