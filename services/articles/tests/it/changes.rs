//! Articles that are changed and deleted, as clients see it.

use futures_util::join;
use reqwest::StatusCode;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn a_writer_reads_its_own_change_also_while_the_cache_is_not_told() {
    let test = TestApp::new().await;
    for round in 0..3 {
        let slug = test.publish(&test.ann, &[]).await;
        assert_eq!(test.body(&slug).await, "first", "it is cached now");

        test.cache.cut().await;
        let (status, _) = test.update(&test.ann, &slug, json!({ "body": "second" })).await;
        test.cache.heal();

        assert_eq!(status, StatusCode::OK);
        assert_eq!(test.body(&slug).await, "second", "round {round}");
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_answered_is_not_made() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    test.lose_accounts().await;

    let (status, _) = test.update(&test.ann, &slug, json!({ "body": "second" })).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(test.count("select count(*) from articles where body = 'second'").await, 0);
}

#[tokio::test]
async fn a_changed_article_is_answered_as_its_author_sees_it() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    for user in [&test.ann, &test.bob] {
        assert_eq!(crate::app::send(test.favorite(user, &slug)).await.0, StatusCode::OK);
    }

    let (_, body) = test.update(&test.ann, &slug, json!({ "body": "second" })).await;

    let article = &body["article"];
    assert_eq!((&article["favorited"], &article["favoritesCount"]), (&json!(true), &json!(2)));
    assert_eq!(article["author"], json!({ "username": "ann", "bio": null, "image": null, "following": false }));
}

#[tokio::test]
async fn two_that_swap_tags_do_not_lock_each_other_out() {
    let test = TestApp::new().await;
    let (one, two) = (test.publish(&test.ann, &["a"]).await, test.publish(&test.ann, &["b"]).await);
    for round in 0..30 {
        let (first, second) = if round % 2 == 0 { ("b", "a") } else { ("a", "b") };

        let ((one, said), (two, also)) = join!(
            test.update(&test.ann, &one, json!({ "tagList": [first] })),
            test.update(&test.ann, &two, json!({ "tagList": [second] }))
        );

        assert_eq!([one, two], [StatusCode::OK; 2], "round {round}: {said} {also}");
        assert_eq!(test.count("select count(*) from tag_counts where articles = 1").await, 2);
    }
    assert_eq!((test.list("tag=a").await.1, test.list("tag=b").await.1), (1, 1));
}

#[tokio::test]
async fn what_no_slug_can_be_is_no_article() {
    let test = TestApp::new().await;
    let not_found = (StatusCode::NOT_FOUND, json!({ "errors": { "article": ["not found"] } }));
    for slug in ["%00", "%ff", "nothing"] {
        assert_eq!(test.get(&format!("/articles/{slug}")).await, not_found);
        assert_eq!(test.get(&format!("/articles/{slug}/comments")).await, not_found);
        assert_eq!(test.update(&test.ann, slug, json!({ "body": "" })).await, not_found);
        assert_eq!(test.delete(&test.ann, slug).await, not_found);
        assert_eq!(test.delete(&test.ann, &format!("{slug}/favorite")).await, not_found);
        assert_eq!(test.delete(&test.ann, &format!("{slug}/comments/1")).await, not_found);
        // 404 is decided before 422.
        let bad_key = test.favorite(&test.ann, slug).header("idempotency-key", "a b");
        assert_eq!(crate::app::send(bad_key).await, not_found);
    }
}

#[tokio::test]
async fn what_no_comment_can_be_is_no_comment() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    for comment in ["%00", "%ff", "nothing", "1"] {
        let answer = test.delete(&test.ann, &format!("{slug}/comments/{comment}")).await;

        assert_eq!(answer, (StatusCode::NOT_FOUND, json!({ "errors": { "comment": ["not found"] } })), "{comment}");
    }
}
