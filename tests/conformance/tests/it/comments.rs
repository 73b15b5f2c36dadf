//! Comments.

use magnitude_conformance::{Answer, Api, Gate, User, Value, is_timestamp, json};

use crate::{blank, keys};

/// The largest integer that a JavaScript client holds exactly.
const SAFE: u64 = (1 << 53) - 1;

fn comment(body: &str) -> Value {
    json!({"comment": {"body": body}})
}

fn id(answer: &Answer) -> u64 {
    let id = answer.is(201)["comment"]["id"].as_u64();
    id.unwrap_or_else(|| panic!("no integer id in\n{answer}"))
}

async fn commented() -> (User, String) {
    let author = User::register().await;
    let slug = author.publish().await;
    (author, format!("/articles/{slug}/comments"))
}

#[tokio::test]
async fn a_comment_is_answered_in_full_and_listed_the_same() {
    let (author, path) = commented().await;
    let reader = User::register().await;

    let answer = reader.api.post(&path, &comment("Well said")).await;

    assert!(id(&answer) <= SAFE, "{answer}");
    let made = &answer.is(201)["comment"];
    assert_eq!(keys(made), ["author", "body", "createdAt", "id", "updatedAt"]);
    assert_eq!(made["body"], "Well said");
    let profile = json!({"username": reader.name, "bio": null, "image": null, "following": false});
    assert_eq!(made["author"], profile);
    assert!(is_timestamp(&made["createdAt"]) && is_timestamp(&made["updatedAt"]), "{answer}");
    for viewer in [&reader.api, &author.api, &Api::anonymous()] {
        assert_eq!(viewer.get(&path).await.is(200), &json!({"comments": [made]}));
    }
}

#[tokio::test]
async fn comments_are_listed_newest_last_whichever_instance_took_them() {
    let (author, path) = commented().await;
    let reader = User::register().await;
    let mut expected = Vec::new();
    for round in 0..10 {
        let writer = if round % 3 == 0 { &author } else { &reader };
        let answer = writer.at(Gate::Instance(round)).post(&path, &comment("c")).await;
        expected.push(answer.is(201)["comment"].clone());

        let list = reader.at(Gate::Instance(round + 1)).get(&path).await;

        assert_eq!(list.is(200), &json!({"comments": expected}));
    }
    let mut ids: Vec<_> = expected.iter().map(|made| made["id"].as_u64()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10, "ids are unique in their article");
}

#[tokio::test]
async fn a_comments_author_carries_the_viewers_following() {
    let (author, path) = commented().await;
    let reader = User::register().await;
    author.api.post(&path, &comment("mine")).await.is(201);
    reader.follow(&author).await;

    let list = reader.api.get(&path).await;

    assert_eq!(list.is(200)["comments"][0]["author"]["following"], true);
    let anonymous = Api::anonymous().get(&path).await;
    assert_eq!(anonymous.is(200)["comments"][0]["author"]["following"], false);
}

#[tokio::test]
async fn a_deleted_comment_is_gone_and_the_others_stay() {
    for (writer, reader) in Gate::PAIRS {
        let (author, path) = commented().await;
        let first = author.api.post(&path, &comment("first")).await;
        let second = author.api.post(&path, &comment("second")).await;
        let one = format!("{path}/{}", id(&first));
        author.at(reader).get(&path).await.is(200);

        author.at(writer).delete(&one).await.is_empty();

        let list = author.at(reader).get(&path).await;
        assert_eq!(list.is(200), &json!({"comments": [second.json["comment"]]}));
        let again = author.at(reader).delete(&one).await;
        again.refuses(404, json!({"comment": ["not found"]}));
    }
}

#[tokio::test]
async fn only_its_author_may_delete_a_comment() {
    let (author, path) = commented().await;
    let reader = User::register().await;
    let made = reader.api.post(&path, &comment("stays")).await;
    let one = format!("{path}/{}", id(&made));

    let by_the_articles_author = author.api.delete(&one).await;
    let by_nobody = Api::anonymous().delete(&one).await;

    by_the_articles_author.refuses(403, json!({"comment": ["forbidden"]}));
    by_nobody.refuses(401, json!({"token": ["is missing"]}));
    let list = author.api.get(&path).await;
    assert_eq!(list.is(200), &json!({"comments": [made.json["comment"]]}));
}

#[tokio::test]
async fn an_id_counts_within_its_article() {
    let (author, path) = commented().await;
    let elsewhere = format!("/articles/{}/comments", author.publish().await);
    let made = author.api.post(&path, &comment("here")).await;
    let not_found = json!({"comment": ["not found"]});

    let wrong_article = author.api.delete(&format!("{elsewhere}/{}", id(&made))).await;

    wrong_article.refuses(404, not_found.clone());
    for unknown in ["0", "-1", "9007199254740991", "99999999999999999999999999", "abc"] {
        let answer = author.api.delete(&format!("{path}/{unknown}")).await;
        answer.refuses(404, not_found.clone());
    }
    let list = author.api.get(&path).await;
    assert_eq!(list.is(200), &json!({"comments": [made.json["comment"]]}));
}

#[tokio::test]
async fn comments_of_an_unknown_article_are_not_found() {
    let user = User::register().await;
    let path = "/articles/no-such-thing/comments";
    let not_found = json!({"article": ["not found"]});

    user.api.get(path).await.refuses(404, not_found.clone());
    user.api.post(path, &comment("c")).await.refuses(404, not_found.clone());
    user.api.delete(&format!("{path}/1")).await.refuses(404, not_found);
}

#[tokio::test]
async fn a_comment_says_something() {
    let (author, path) = commented().await;
    for body in [json!({"comment": {}}), comment(""), json!({"comment": {"body": null}})] {
        author.api.post(&path, &body).await.refuses(422, json!({"body": blank()}));
    }
    let wrong = author.api.post(&path, &json!({"comment": {"body": 1}})).await;
    wrong.blames(422, &["body"]);
    assert_eq!(author.api.get(&path).await.is(200), &json!({"comments": []}));
}
