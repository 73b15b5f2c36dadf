//! GET /notifications and POST /notifications/read.

use std::time::Duration;

use magnitude_conformance::{Answer, Api, User, Value, is_timestamp, json};

/// "Within seconds", and a busy machine beside it.
const BOUND: Duration = Duration::from_secs(20);

/// The list once it is `as_wanted`.
async fn once(user: &User, as_wanted: impl Fn(&Answer) -> bool) -> Answer {
    user.api.once("/notifications", BOUND, as_wanted).await
}

/// The list once so many are unread.
async fn told(user: &User, unread: u64) -> Answer {
    once(user, |answer| answer.json["unread"] == unread).await
}

/// Kind, actor, others and whether it is read.
fn brief(answer: &Answer) -> Vec<Value> {
    let brief = |told: &Value| json!([told["kind"], told["actor"]["username"], told["others"], told["read"]]);
    answer.json["notifications"].as_array().expect("a list").iter().map(brief).collect()
}

#[tokio::test]
async fn notifications_need_a_token_and_are_none_at_first() {
    Api::anonymous().get("/notifications").await.refuses(401, json!({"token": ["is missing"]}));
    Api::anonymous().post("/notifications/read", &json!({"all": true})).await.refuses(401, json!({"token": ["is missing"]}));

    let answer = User::register().await.api.get("/notifications").await;

    assert_eq!(answer.is(200), &json!({"notifications": [], "unread": 0}));
}

#[tokio::test]
async fn followers_are_told_what_is_published_and_authors_who_acts() {
    let (author, reader, other) = (User::register().await, User::register().await, User::register().await);
    reader.follow(&author).await;
    told(&author, 1).await;
    let slug = author.publish().await;

    let published = told(&reader, 1).await;
    assert_eq!(brief(&published), [json!(["published", author.name, 0, false])]);
    let entry = &published.json["notifications"][0];
    assert_eq!(crate::keys(entry), ["actor", "article", "createdAt", "id", "kind", "others", "read"]);
    assert_eq!(entry["article"]["slug"], slug);
    assert_eq!(entry["actor"]["following"], true);
    assert!(is_timestamp(&entry["createdAt"]) && entry["id"].is_string());

    for user in [&reader, &other] {
        user.api.post(&format!("/articles/{slug}/comments"), &json!({"comment": {"body": "well said"}})).await.is(201);
    }
    other.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
    // What authors do themselves is no news to them.
    author.api.post(&format!("/articles/{slug}/comments"), &json!({"comment": {"body": "thanks"}})).await.is(201);
    author.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);

    let bundled = |answer: &Answer| brief(answer).contains(&json!(["favorited", other.name, 0, false])) && commenters(answer) == Some(2);
    let seen = brief(&once(&author, bundled).await);

    assert_eq!(seen.len(), 3);
    assert!(seen.contains(&json!(["followed", reader.name, 0, false])));
}

/// How many are in the bundle of comments.
fn commenters(answer: &Answer) -> Option<i64> {
    let bundle = brief(answer).into_iter().find(|told| told[0] == "commented")?;
    Some(bundle[2].as_i64()? + 1)
}

#[tokio::test]
async fn what_is_marked_is_read_at_once() {
    let user = User::register().await;
    for _ in 0..2 {
        User::register().await.follow(&user).await;
        let id = told(&user, 1).await.json["notifications"][0]["id"].clone();
        user.api.post("/notifications/read", &json!({"ids": [id]})).await.is_empty();
        let answer = user.api.get("/notifications?limit=1").await;
        assert_eq!((&answer.is(200)["unread"], &answer.json["notifications"][0]["read"]), (&json!(0), &json!(true)));
    }
    User::register().await.follow(&user).await;
    told(&user, 1).await;
    user.api.post("/notifications/read", &json!({"all": true})).await.is_empty();

    assert_eq!(user.api.get("/notifications").await.is(200)["unread"], 0);
    assert_eq!(brief(&user.api.get("/notifications?limit=2&offset=1").await).len(), 2);
}

#[tokio::test]
async fn bad_marks_and_pages_are_refused() {
    let user = User::register().await;
    for body in [json!({}), json!({"all": 1}), json!({"ids": "x"}), json!({"ids": [1]}), json!({"all": true, "ids": []})] {
        assert_eq!(user.api.post("/notifications/read", &body).await.status, 422, "{body}");
    }
    assert_eq!(user.api.get("/notifications?limit=x").await.status, 422);
    user.api.post("/notifications/read", &json!({"ids": ["nobody's"]})).await.is_empty();
}
