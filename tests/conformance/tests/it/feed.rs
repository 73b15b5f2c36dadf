//! GET /articles/feed.

use magnitude_conformance::{Api, Gate, User, json};

use crate::{count, slugs};

#[tokio::test]
async fn a_reader_who_follows_nobody_has_an_empty_feed() {
    let reader = User::register().await;
    reader.publish().await;

    let answer = reader.api.get("/articles/feed").await;

    assert_eq!(answer.is(200), &json!({"articles": [], "articlesCount": 0}));
}

#[tokio::test]
async fn the_feed_needs_a_token() {
    let api = Api::anonymous();

    api.get("/articles/feed").await.refuses(401, json!({"token": ["is missing"]}));
    api.with_token("x").get("/articles/feed").await.refuses(401, json!({"token": ["is invalid"]}));
    api.get("/articles/feed?limit=x").await.refuses(401, json!({"token": ["is missing"]}));
}

#[tokio::test]
async fn the_feed_holds_the_followed_authors_articles_newest_first() {
    let reader = User::register().await;
    let (first, second, unread) = (User::register().await, User::register().await, User::register().await);
    let mut expected = Vec::new();
    for round in 0..6 {
        let author = if round % 2 == 0 { &first } else { &second };
        expected.insert(0, author.publish().await);
        unread.publish().await;
    }
    reader.publish().await;
    reader.follow(&first).await;
    reader.follow(&second).await;

    let answer = reader.api.get("/articles/feed").await;

    assert_eq!(slugs(&answer), expected);
    assert_eq!(count(&answer), 6);
    let fields = ["author", "createdAt", "description", "favorited", "favoritesCount", "slug", "tagList", "title", "updatedAt"];
    for entry in answer.json["articles"].as_array().expect("a list") {
        assert_eq!(crate::keys(entry), fields);
        assert_eq!(entry["author"]["following"], true);
    }
}

#[tokio::test]
async fn the_feed_follows_every_change_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let (fan, author, other) = (User::register().await, User::register().await, User::register().await);
        let kept = other.publish().await;
        fan.follow(&other).await;
        let early = author.publish().await;
        let feed = async || {
            let answer = fan.at(reader).get("/articles/feed").await;
            let slugs = slugs(&answer);
            assert_eq!(count(&answer), slugs.len() as u64, "{answer}");
            slugs
        };
        assert_eq!(feed().await, [kept.as_str()]);
        let follow = format!("/profiles/{}/follow", author.name);

        fan.at(writer).post_nothing(&follow).await.is(200);
        assert_eq!(feed().await, [early.as_str(), &kept], "after the follow");

        let late = magnitude_conformance::Draft::new().publish(&author.at(writer)).await;
        assert_eq!(feed().await, [late.as_str(), &early, &kept], "after the publication");

        author.at(writer).delete(&format!("/articles/{early}")).await.is_empty();
        assert_eq!(feed().await, [late.as_str(), &kept], "after the deletion");

        fan.at(writer).delete(&follow).await.is(200);
        assert_eq!(feed().await, [kept.as_str()], "after the unfollow");

        fan.at(writer).post_nothing(&follow).await.is(200);
        assert_eq!(feed().await, [late.as_str(), &kept], "after following again");
    }
}

#[tokio::test]
async fn the_feeds_count_is_of_all_pages() {
    let (fan, author) = (User::register().await, User::register().await);
    for _ in 0..5 {
        author.publish().await;
    }
    fan.follow(&author).await;

    let page = fan.api.get("/articles/feed?limit=2&offset=3").await;
    let beyond = fan.api.get("/articles/feed?limit=2&offset=5").await;

    assert_eq!((slugs(&page).len(), count(&page)), (2, 5));
    assert_eq!((slugs(&beyond).len(), count(&beyond)), (0, 5));
}
