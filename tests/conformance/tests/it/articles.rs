//! Creating and reading articles.

use magnitude_conformance::{Api, Draft, User, is_timestamp, json, unique};

use crate::{blank, keys, slugs, string};

const FIELDS: [&str; 10] =
    ["author", "body", "createdAt", "description", "favorited", "favoritesCount", "slug", "tagList", "title", "updatedAt"];

#[tokio::test]
async fn a_new_article_is_answered_in_full_and_reads_back_the_same() {
    let author = User::register().await;
    let draft = Draft::new().tagged(&["zebra", "ant", "mole"]);

    let answer = draft.create(&author.api).await;

    let article = &answer.is(201)["article"];
    assert_eq!(keys(article), FIELDS);
    assert_eq!(article["title"], draft.title.as_str());
    assert_eq!(article["description"], "What it is about");
    assert_eq!(article["body"], "What it says");
    assert_eq!(article["tagList"], json!(["zebra", "ant", "mole"]), "the order of tags is kept");
    assert_eq!(article["favorited"], false);
    assert_eq!(article["favoritesCount"], 0);
    let profile = json!({"username": author.name, "bio": null, "image": null, "following": false});
    assert_eq!(article["author"], profile);
    assert!(is_timestamp(&article["createdAt"]) && is_timestamp(&article["updatedAt"]), "{answer}");
    let path = format!("/articles/{}", string(&article["slug"]));
    assert_eq!(author.api.get(&path).await.is(200), &answer.json);
    assert_eq!(Api::anonymous().get(&path).await.is(200), &answer.json);
}

#[tokio::test]
async fn a_list_shows_every_field_but_the_body() {
    let author = User::register().await;
    let created = Draft::new().tagged(&["b", "a"]).create(&author.api).await;
    let mut expected = created.is(201)["article"].clone();
    expected.as_object_mut().expect("an object").remove("body");

    let list = Api::anonymous().get(&format!("/articles?author={}", author.name)).await;

    assert_eq!(list.is(200), &json!({"articles": [expected], "articlesCount": 1}));
}

#[tokio::test]
async fn an_article_needs_no_tags() {
    let author = User::register().await;
    let body = json!({"article": {"title": unique("t"), "description": "d", "body": "b"}});

    let answer = author.api.post("/articles", &body).await;

    assert_eq!(answer.is(201)["article"]["tagList"], json!([]));
}

#[tokio::test]
async fn equal_titles_get_different_slugs() {
    let (first, second) = (User::register().await, User::register().await);
    let draft = Draft::new();

    let slugs = [draft.publish(&first.api).await, draft.publish(&first.api).await, draft.publish(&second.api).await];

    assert!(slugs[0] != slugs[1] && slugs[1] != slugs[2] && slugs[0] != slugs[2], "{slugs:?}");
    for slug in slugs {
        let answer = first.api.get(&format!("/articles/{slug}")).await;
        assert_eq!(answer.is(200)["article"]["slug"], slug.as_str());
        assert_eq!(answer.json["article"]["title"], draft.title.as_str());
    }
}

#[tokio::test]
async fn every_title_has_a_slug_that_needs_no_escaping() {
    let author = User::register().await;
    let long = "w".repeat(200);
    let titles = ["feed", "Caf\u{e9} \u{fc}ber alles", "\u{6f22}\u{5b57}", "\u{1f389}\u{1f389}", "???", "a/b?c#d%20", "-", "..", &long];
    for title in titles {
        let slug = Draft::titled(title).publish(&author.api).await;

        let plain = slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        assert!(plain, "{slug:?} of {title:?}");
        let answer = author.api.get(&format!("/articles/{slug}")).await;
        assert_eq!(answer.is(200)["article"]["title"], title);
    }
}

#[tokio::test]
async fn text_comes_back_as_it_was_given() {
    let author = User::register().await;
    let body = "  first\r\n\tsecond \u{202e}right to left\u{202c} \u{1f468}\u{200d}\u{1f469} \\ \" ' <b>&amp;\u{7f}  ";

    let draft = json!({"article": {"title": unique("t"), "description": body, "body": body}});
    let answer = author.api.post("/articles", &draft).await;

    let path = format!("/articles/{}", string(&answer.is(201)["article"]["slug"]));
    let read = author.api.get(&path).await;
    assert_eq!(read.is(200)["article"]["body"], body);
    assert_eq!(read.json["article"]["description"], body);
}

#[tokio::test]
async fn unknown_fields_of_a_body_are_ignored() {
    let author = User::register().await;
    let mut draft = Draft::new().json();
    draft["article"]["favoritesCount"] = json!(99);
    draft["article"]["slug"] = json!("mine");
    draft["more"] = json!(true);

    let answer = author.api.post("/articles", &draft).await;

    assert_eq!(answer.is(201)["article"]["favoritesCount"], 0);
    assert_ne!(answer.json["article"]["slug"], "mine");
}

#[tokio::test]
async fn every_missing_field_is_named_at_once_and_nothing_is_published() {
    let author = User::register().await;
    let all = json!({"title": blank(), "description": blank(), "body": blank()});

    let missing = author.api.post("/articles", &json!({"article": {}})).await;
    let empty = json!({"article": {"title": "", "description": "", "body": "", "tagList": ["x"]}});
    let empty = author.api.post("/articles", &empty).await;
    let null = json!({"article": {"title": null, "description": null, "body": null}});
    let null = author.api.post("/articles", &null).await;
    let one = json!({"article": {"title": "t", "description": "d"}});
    let one = author.api.post("/articles", &one).await;

    missing.refuses(422, all.clone());
    empty.refuses(422, all.clone());
    null.refuses(422, all);
    one.refuses(422, json!({"body": blank()}));
    let list = author.api.get(&format!("/articles?author={}", author.name)).await;
    assert_eq!(slugs(&list), [""; 0]);
}

#[tokio::test]
async fn an_unknown_article_is_not_found() {
    let author = User::register().await;
    let slug = author.publish().await;
    // A slug without an id, ids that no article has, and an id that is too long to be one.
    let unknown = [
        "nothing".to_owned(),
        format!("{slug}1"),
        "a-1".to_owned(),
        "-".to_owned(),
        "a-JPwcyDCgEup".to_owned(),
        format!("a-{}", "z".repeat(300)),
    ];
    for slug in unknown {
        let answer = author.api.get(&format!("/articles/{slug}")).await;

        answer.refuses(404, json!({"article": ["not found"]}));
    }
}

#[tokio::test]
async fn publishing_needs_a_token() {
    let api = Api::anonymous();

    let missing = Draft::new().create(&api).await;
    let invalid = Draft::new().create(&api.with_token("x")).await;

    missing.refuses(401, json!({"token": ["is missing"]}));
    invalid.refuses(401, json!({"token": ["is invalid"]}));
}
