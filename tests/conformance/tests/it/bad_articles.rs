//! Fields of articles and comments that are too long, or hold what no text may hold; nothing is half written.

use magnitude_conformance::{Draft, User, Value, json, query, unique};

use crate::{blank, count, string};

/// One bad value for each rule about an article's fields.
fn bad() -> Vec<(&'static str, Value)> {
    let many: Vec<_> = (0..21).map(|number| format!("t{number}")).collect();
    let mut bad = vec![
        ("title", json!("t".repeat(201))),
        ("title", json!("\u{6f22}".repeat(201))),
        ("description", json!("d".repeat(501))),
        ("body", json!("b".repeat(100_001))),
        ("tagList", json!(many)),
        ("tagList", json!(["t".repeat(41)])),
        ("tagList", json!(["good", "nul\0"])),
        ("tagList", json!(["good", 1])),
        ("tagList", json!(["good", null])),
        ("tagList", json!("text")),
        ("tagList", json!({"a": "b"})),
        ("tagList", json!(1)),
    ];
    for field in ["title", "description", "body"] {
        for value in [json!("nul\0"), json!(1), json!(true), json!(["a"]), json!({"a": "b"})] {
            bad.push((field, value));
        }
    }
    bad
}

#[tokio::test]
async fn a_bad_field_is_named_and_nothing_is_published() {
    let author = User::register().await;
    let tag = unique("tag");
    for (field, value) in bad() {
        let mut draft = Draft::new().tagged(&[&tag]).json();
        draft["article"][field] = value;

        let answer = author.api.post("/articles", &draft).await;

        answer.blames(422, &[field]);
    }
    assert_eq!(count(&author.api.get(&query("/articles", &[("author", &author.name)])).await), 0);
    assert_eq!(count(&author.api.get(&query("/articles", &[("tag", &tag)])).await), 0);
    let tags = author.api.get("/tags").await;
    let listed = tags.is(200)["tags"].as_array().expect("a list");
    assert!(!listed.contains(&json!(tag)), "a refused article's tag is listed");
}

#[tokio::test]
async fn a_bad_field_of_an_update_changes_nothing() {
    let author = User::register().await;
    let created = Draft::new().tagged(&["kept"]).create(&author.api).await;
    let path = format!("/articles/{}", string(&created.is(201)["article"]["slug"]));
    for (field, value) in bad() {
        let mut change = json!({"article": {"title": "half", "description": "half", "body": "half", "tagList": ["half"]}});
        change["article"][field] = value;

        let answer = author.api.put(&path, &change).await;

        answer.blames(422, &[field]);
    }
    assert_eq!(author.api.get(&path).await.is(200), &created.json);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let author = User::register().await;
    let body = json!({"article": {
        "title": "t".repeat(201), "description": "", "body": 1, "tagList": ["t".repeat(41)],
    }});

    let answer = author.api.post("/articles", &body).await;

    answer.blames(422, &["title", "description", "body", "tagList"]);
}

#[tokio::test]
async fn tags_that_are_null_are_refused() {
    let author = User::register().await;
    let mut draft = Draft::new().json();
    draft["article"]["tagList"] = json!(null);
    let create = author.api.post("/articles", &draft).await;
    let created = Draft::new().tagged(&["kept"]).create(&author.api).await;
    let path = format!("/articles/{}", string(&created.is(201)["article"]["slug"]));

    let update = author.api.put(&path, &json!({"article": {"tagList": null}})).await;

    create.blames(422, &["tagList"]);
    update.blames(422, &["tagList"]);
    assert_eq!(author.api.get(&path).await.is(200), &created.json);
    assert_eq!(count(&author.api.get(&query("/articles", &[("author", &author.name)])).await), 1);
}

#[tokio::test]
async fn text_of_white_space_is_blank() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);
    let all = json!({"title": blank(), "description": blank(), "body": blank()});
    for white in [" ", " \t\r\n ", "\u{a0}\u{3000}"] {
        let body = json!({"article": {"title": white, "description": white, "body": white}});

        author.api.post("/articles", &body).await.refuses(422, all.clone());
        author.api.put(&path, &body).await.refuses(422, all.clone());
        let comment = author.api.post(&format!("{path}/comments"), &json!({"comment": {"body": white}})).await;
        comment.refuses(422, json!({"body": blank()}));
        let tags = author.api.put(&path, &json!({"article": {"tagList": ["good", white]}})).await;
        tags.blames(422, &["tagList"]);
    }
}

#[tokio::test]
async fn the_longest_fields_are_accepted() {
    let author = User::register().await;
    // Two digits and 38 letters of three bytes: the limits count characters.
    let tags: Vec<_> = (10..30).map(|n| format!("{n}{}", "\u{6f22}".repeat(38))).collect();
    let article = json!({"article": {
        "title": "\u{6f22}".repeat(200),
        "description": "\u{6f22}".repeat(500),
        "body": "\u{6f22}".repeat(100_000),
        "tagList": tags,
    }});

    let answer = author.api.post("/articles", &article).await;

    let made = &answer.is(201)["article"];
    let read = author.api.get(&format!("/articles/{}", string(&made["slug"]))).await;
    for field in ["title", "description", "body", "tagList"] {
        assert!(read.is(200)["article"][field] == article["article"][field], "{field} is not as it was given");
    }
}

#[tokio::test]
async fn a_bad_comment_is_named_and_not_kept() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);
    for body in [json!("nul\0"), json!(1), json!(["a"]), json!({}), json!("c".repeat(100_001)), json!("\u{6f22}".repeat(100_001))] {
        let answer = author.api.post(&path, &json!({"comment": {"body": body}})).await;

        answer.blames(422, &["body"]);
    }
    assert_eq!(author.api.get(&path).await.is(200), &json!({"comments": []}));
}

#[tokio::test]
async fn the_longest_comment_is_accepted() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);
    let body = "\u{6f22}".repeat(100_000);

    let answer = author.api.post(&path, &json!({"comment": {"body": body}})).await;

    assert!(answer.is(201)["comment"]["body"] == *body, "it is not as it was given");
    assert!(author.api.get(&path).await.is(200)["comments"][0] == answer.json["comment"], "it is not listed as it was answered");
}
