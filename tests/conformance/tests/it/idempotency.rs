//! `Idempotency-Key` on POSTs.

use futures_util::future::join_all;
use magnitude_conformance::{Draft, Gate, Method, User, json, query, unique};

use crate::{count, string};

async fn articles_of(user: &User) -> u64 {
    count(&user.api.get(&query("/articles", &[("author", &user.name)])).await)
}

#[tokio::test]
async fn the_same_key_and_body_give_the_first_answer_again() {
    let author = User::register().await;
    let (key, draft) = (unique("key"), Draft::new().tagged(&["a"]).json());
    let first = author.api.post_keyed("/articles", &key, &draft).await;
    first.is(201);
    let path = format!("/articles/{}", string(&first.json["article"]["slug"]));
    // The first answer is a memory, not a fresh reading.
    author.api.put(&path, &json!({"article": {"body": "changed"}})).await.is(200);
    for gate in [Gate::Instance(0), Gate::Instance(1), Gate::Envoy] {
        let again = author.at(gate).post_keyed("/articles", &key, &draft).await;

        assert_eq!(again.is(201), &first.json);
    }
    assert_eq!(articles_of(&author).await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let author = User::register().await;
    let key = unique("key");
    author.api.post_keyed("/articles", &key, &Draft::new().json()).await.is(201);

    let other = author.api.post_keyed("/articles", &key, &Draft::new().json()).await;

    other.refuses_somehow(422);
    assert_eq!(articles_of(&author).await, 1);
}

#[tokio::test]
async fn a_key_counts_per_user_and_route() {
    let (first, second) = (User::register().await, User::register().await);
    let (key, draft) = (unique("key"), Draft::new().json());
    let made = first.api.post_keyed("/articles", &key, &draft).await;
    let path = format!("/articles/{}/comments", string(&made.is(201)["article"]["slug"]));

    let others = second.api.post_keyed("/articles", &key, &draft).await;
    let comment = first.api.post_keyed(&path, &key, &json!({"comment": {"body": "c"}})).await;

    assert_ne!(others.is(201)["article"]["slug"], made.json["article"]["slug"]);
    assert_eq!(others.json["article"]["author"]["username"], second.name.as_str());
    comment.is(201);
}

#[tokio::test]
async fn a_comment_under_one_key_is_made_once() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);
    let (key, body) = (unique("key"), json!({"comment": {"body": "once"}}));

    let first = author.at(Gate::Instance(0)).post_keyed(&path, &key, &body).await;
    let again = author.at(Gate::Instance(1)).post_keyed(&path, &key, &body).await;

    assert_eq!(again.is(201), first.is(201));
    let list = author.api.get(&path).await;
    assert_eq!(list.is(200), &json!({"comments": [first.json["comment"]]}));
}

#[tokio::test]
async fn racing_requests_under_one_key_write_once() {
    let author = User::register().await;
    let (key, draft) = (unique("key"), Draft::new().json());

    let race = (0..16).map(|number| {
        let (api, key, draft) = (author.at(Gate::Instance(number)), &key, &draft);
        async move { api.post_keyed("/articles", key, draft).await }
    });
    let answers = join_all(race).await;

    let (made, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!(!made.is_empty(), "somebody must win: {}", answers[0]);
    for answer in &made {
        assert_eq!(answer.json, made[0].json, "every winner tells the same");
    }
    for answer in waiting {
        answer.refuses_somehow(409);
    }
    assert_eq!(articles_of(&author).await, 1);
    let later = author.api.post_keyed("/articles", &key, &draft).await;
    assert_eq!(later.is(201), &made[0].json);
}

#[tokio::test]
async fn favoriting_and_following_accept_a_key() {
    let (author, fan) = (User::register().await, User::register().await);
    let slug = author.publish().await;
    let key = unique("key");
    let headers = [("idempotency-key", key.as_str())];
    for path in [format!("/articles/{slug}/favorite"), format!("/profiles/{}/follow", author.name)] {
        let first = fan.api.send(Method::POST, &path, &headers, None).await;
        let again = fan.api.send(Method::POST, &path, &headers, None).await;

        assert_eq!(again.is(200), first.is(200));
    }
}

#[tokio::test]
async fn a_key_has_at_most_128_visible_characters() {
    let author = User::register().await;
    let longest = format!("{}{}", unique("key"), "~".repeat(128 - 19));
    author.api.post_keyed("/articles", &longest, &Draft::new().json()).await.is(201);
    for bad in [format!("{longest}x"), "two words".to_owned(), "k".repeat(4_000)] {
        let answer = author.api.post_keyed("/articles", &bad, &Draft::new().json()).await;

        answer.refuses_somehow(422);
    }
    assert_eq!(articles_of(&author).await, 1);
}

#[tokio::test]
async fn a_key_whose_first_request_was_refused_may_then_succeed() {
    let author = User::register().await;
    let key = unique("key");
    let refused = author.api.post_keyed("/articles", &key, &json!({"article": {"title": "t"}})).await;
    refused.refuses(422, json!({"description": ["can't be blank"], "body": ["can't be blank"]}));

    let draft = Draft::new().json();
    let made = author.api.post_keyed("/articles", &key, &draft).await;
    let again = author.api.post_keyed("/articles", &key, &draft).await;

    assert_eq!(again.is(201), made.is(201));
    assert_eq!(articles_of(&author).await, 1);
    let path = format!("/articles/{}/comments", string(&made.json["article"]["slug"]));
    author.api.post_keyed(&path, &key, &json!({"comment": {"body": ""}})).await.blames(422, &["body"]);
    author.api.post_keyed(&path, &key, &json!({"comment": {"body": "c"}})).await.is(201);
}
