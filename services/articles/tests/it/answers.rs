//! Answers that the client has, and answers that this process has.

use std::time::Duration;

use futures_util::future::join_all;
use magnitude_kit::{eventually, eventually_within};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{TestApp, send};

impl TestApp {
    /// The status and the tag of an answer, for a client that has the one with the tag `known`.
    async fn tag(&self, path: &str, known: Option<&str>) -> (StatusCode, String) {
        let mut request = self.request(Method::GET, path);
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        let answer = request.send().await.expect("the service answers");
        let tag = answer.headers()["etag"].to_str().expect("a tag is text").to_owned();
        let (status, body) = (answer.status(), answer.bytes().await.expect("the body arrives"));
        assert_eq!(body.is_empty(), status == StatusCode::NOT_MODIFIED);
        (status, tag)
    }
}

/// What is kept is kept for a second: on a busy machine it may take many tries to see it.
const TRIES: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so_until_it_changes() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &["tagged"]).await;
    for path in [format!("/articles/{slug}"), "/articles".to_owned(), "/articles?tag=tagged".to_owned()] {
        let (status, tag) = test.tag(&path, None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(test.tag(&path, Some(&tag)).await, (StatusCode::NOT_MODIFIED, tag.clone()), "{path}");

        test.update(&test.ann, &slug, json!({ "description": format!("changed after {path}") })).await;
        let (status, changed) = test.tag(&path, Some(&tag)).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert_ne!(changed, tag);

        send(test.favorite(&test.bob, &slug)).await;
        assert_ne!(test.tag(&path, None).await.1, changed, "{path}");
        send(test.signed(Method::DELETE, &format!("/articles/{slug}/favorite"), &test.bob)).await;
    }
}

#[tokio::test]
async fn comments_tags_and_pages_show_each_change_at_once() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &["first"]).await;
    let path = format!("/articles/{slug}/comments");
    assert_eq!(test.get(&path).await.1["comments"].as_array().map(Vec::len), Some(0));
    assert_eq!(test.get("/tags").await.1["tags"], json!(["first"]));
    assert_eq!(test.list("author=ann").await.1, 1);

    let comment = json!({ "comment": { "body": "well said" } });
    let (_, made) = send(test.signed(Method::POST, &path, &test.bob).json(&comment)).await;
    assert_eq!(test.get(&path).await.1["comments"].as_array().map(Vec::len), Some(1));
    let id = made["comment"]["id"].as_u64().expect("a comment has an id");
    send(test.signed(Method::DELETE, &format!("{path}/{id}"), &test.bob)).await;
    assert_eq!(test.get(&path).await.1["comments"].as_array().map(Vec::len), Some(0));

    test.update(&test.ann, &slug, json!({ "tagList": ["second"] })).await;
    assert_eq!(test.get("/tags").await.1["tags"], json!(["second"]));
    assert_eq!(test.list("tag=first").await.1, 0);
    assert_eq!(test.list("tag=second").await.1, 1);
    assert_eq!(test.list("author=ann&tag=first").await.1, 0);

    test.delete(&test.ann, &slug).await;
    assert_eq!(test.list("author=ann").await.1, 0);
    assert_eq!(test.list("").await.1, 0);
    assert_eq!(test.get("/tags").await.1["tags"], json!([]));
}

#[tokio::test]
async fn what_is_asked_for_often_is_kept_and_a_change_ends_it() {
    let test = TestApp::whose_cache_freezes().await;
    let (hot, cold) = (test.publish(&test.ann, &[]).await, test.publish(&test.ann, &[]).await);
    let (hot, cold) = (format!("/articles/{hot}"), format!("/articles/{cold}"));
    test.get(&cold).await;

    eventually_within(TRIES, "it is kept", async || {
        test.cache.heal();
        test.others.accounts_returns();
        // At once, so that they are often enough on a slow machine too.
        for _ in 0..2 {
            join_all((0..60).map(|_| test.get(&hot))).await;
        }
        // Nothing but what is kept can answer now.
        test.cache.freeze();
        test.others.accounts_goes_away();
        test.get(&hot).await.0 == StatusCode::OK
    })
    .await;
    assert_eq!(test.get(&cold).await.0, StatusCode::SERVICE_UNAVAILABLE);
    eventually("it is no answer after a second", async || test.get(&hot).await.0 == StatusCode::SERVICE_UNAVAILABLE).await;
}

#[tokio::test]
async fn a_change_shows_to_all_though_the_answer_was_kept() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    for _ in 0..100 {
        assert_eq!(test.body(&slug).await, "first");
    }

    test.update(&test.ann, &slug, json!({ "body": "second" })).await;

    // The writer's own process: at once.
    assert_eq!(test.body(&slug).await, "second");
}

#[tokio::test]
async fn an_answer_to_a_session_is_kept_for_nobody() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    send(test.favorite(&test.bob, &slug)).await;
    let path = format!("/articles/{slug}");

    for _ in 0..100 {
        let (_, seen) = send(test.signed(Method::GET, &path, &test.bob)).await;
        assert_eq!(seen["article"]["favorited"], true);
        assert_eq!(test.get(&path).await.1["article"]["favorited"], false);
    }
}

#[tokio::test]
async fn what_is_kept_shows_each_viewer_their_own_flags() {
    let test = TestApp::whose_cache_freezes().await;
    let slugs = [test.publish(&test.ann, &[]).await, test.publish(&test.bob, &[]).await];
    send(test.favorite(&test.bob, &slugs[0])).await;
    let favorited = |list: &Value| {
        let articles = list["articles"].as_array().expect("a list has articles").iter();
        articles.map(|article| article["favorited"].as_bool().expect("a flag is one")).collect::<Vec<_>>()
    };

    eventually_within(TRIES, "bob's mark is over, and all that he sees is kept", async || {
        test.cache.heal();
        // At once, so that they are often enough on a slow machine too.
        let looks = (0..60).map(async |_| {
            assert_eq!(favorited(&test.get("/articles").await.1), [false, false]);
            let (_, seen) = send(test.signed(Method::GET, "/articles", &test.bob)).await;
            assert_eq!(favorited(&seen), [false, true], "the newest first");
        });
        join_all(looks).await;
        // Nothing but what is kept can answer now.
        test.cache.freeze();
        let frozen = async || send(test.signed(Method::GET, "/articles", &test.bob)).await;
        test.others.accounts_goes_away();
        let (status, seen) = frozen().await;
        test.others.accounts_returns();
        status == StatusCode::OK && favorited(&seen) == [false, true]
    })
    .await;
}

#[tokio::test]
async fn a_tag_tells_what_two_viewers_see_apart() {
    let test = TestApp::new().await;
    let path = format!("/articles/{}", test.publish(&test.ann, &[]).await);
    let slug = path.rsplit('/').next().expect("a path has parts");
    // What social has not cached has no tag.
    let pairs = [(&test.ann, &test.ann), (&test.bob, &test.ann)];
    test.others.cache_strangers(&test.cluster.cache(), test.shards().clone(), &pairs).await;
    send(test.favorite(&test.bob, slug)).await;
    let tag = async |user| {
        let answer = test.signed(Method::GET, &path, user).send().await.expect("the service answers");
        answer.headers()["etag"].to_str().expect("a tag is text").to_owned()
    };
    for _ in 0..100 {
        test.get(&path).await;
    }

    let (ann, bob) = (tag(&test.ann).await, tag(&test.bob).await);

    assert_ne!(ann, bob);
    assert_eq!(tag(&test.bob).await, bob);
    let again = test.signed(Method::GET, &path, &test.bob).header("if-none-match", &bob).send().await.expect("the service answers");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let other = test.signed(Method::GET, &path, &test.ann).header("if-none-match", &bob).send().await.expect("the service answers");
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_feed_is_kept_for_nobody() {
    let test = TestApp::new().await;
    test.publish(&test.ann, &[]).await;
    test.others.follow(&test.bob, &test.ann);
    for _ in 0..200 {
        let (_, feed) = send(test.signed(Method::GET, "/articles/feed", &test.bob)).await;
        assert_eq!(feed["articlesCount"], 1);
        assert_eq!(feed["articles"][0]["author"]["following"], true);
        assert_eq!(test.get("/articles/feed").await.0, StatusCode::UNAUTHORIZED);
        let (_, other) = send(test.signed(Method::GET, "/articles/feed", &test.ann)).await;
        assert_eq!(other["articlesCount"], 0);
    }
}
