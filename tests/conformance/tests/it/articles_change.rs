//! Changing and deleting articles.

use magnitude_conformance::{Draft, Gate, User, json, query, unique};

use crate::{blank, count, slugs, string};

#[tokio::test]
async fn an_absent_field_stays_as_it_is() {
    let author = User::register().await;
    let created = Draft::new().tagged(&["one", "two"]).create(&author.api).await;
    let mut expected = created.is(201)["article"].clone();
    let path = format!("/articles/{}", string(&expected["slug"]));
    for (field, value) in [("description", "new description"), ("body", "new body")] {
        let answer = author.api.put(&path, &json!({"article": {field: value}})).await;

        expected[field] = json!(value);
        expected["updatedAt"] = answer.is(200)["article"]["updatedAt"].clone();
        assert_eq!(answer.json["article"], expected);
        assert_eq!(author.api.get(&path).await.is(200), &answer.json);
    }
    let nothing = author.api.put(&path, &json!({"article": {}})).await;
    expected["updatedAt"] = nothing.is(200)["article"]["updatedAt"].clone();
    assert_eq!(nothing.json["article"], expected);
}

#[tokio::test]
async fn tags_are_kept_replaced_and_removed() {
    for (writer, reader) in Gate::PAIRS {
        let author = User::register().await;
        let (old, new) = (unique("old"), unique("new"));
        let slug = Draft::new().tagged(&[&old]).publish(&author.api).await;
        let path = format!("/articles/{slug}");
        let tagged = |tag: &str| query("/articles", &[("tag", tag)]);
        let (write, read) = (author.at(writer), author.at(reader));
        assert_eq!(count(&read.get(&tagged(&old)).await), 1);
        assert_eq!(count(&read.get(&tagged(&new)).await), 0);

        let kept = write.put(&path, &json!({"article": {"body": "b"}})).await;
        assert_eq!(kept.is(200)["article"]["tagList"], json!([old]));
        let change = json!({"article": {"tagList": [new, "z", "a"]}});
        let replaced = write.put(&path, &change).await;
        assert_eq!(replaced.is(200)["article"]["tagList"], json!([new, "z", "a"]));
        assert_eq!(slugs(&read.get(&tagged(&new)).await), [slug]);
        assert_eq!(count(&read.get(&tagged(&old)).await), 0);
        assert_eq!(read.get(&path).await.is(200), &replaced.json);

        let removed = write.put(&path, &json!({"article": {"tagList": []}})).await;
        assert_eq!(removed.is(200)["article"]["tagList"], json!([]));
        assert_eq!(count(&read.get(&tagged(&new)).await), 0);
        let null = write.put(&path, &json!({"article": {"tagList": null}})).await;
        null.blames(422, &["tagList"]);
    }
}

#[tokio::test]
async fn the_old_slug_keeps_working_when_the_title_changes() {
    let (author, reader) = (User::register().await, User::register().await);
    let old = author.publish().await;
    let title = unique("Quite another title ");

    let change = json!({"article": {"title": title}});
    let answer = author.api.put(&format!("/articles/{old}"), &change).await;

    let new = string(&answer.is(200)["article"]["slug"]);
    for slug in [&old, &new] {
        let path = format!("/articles/{slug}");
        let read = reader.api.get(&path).await;
        assert_eq!(read.is(200)["article"]["title"], title.as_str());
        assert_eq!(read.json["article"]["slug"], new.as_str());
        reader.api.post_nothing(&format!("{path}/favorite")).await.is(200);
        let comment = json!({"comment": {"body": "still here"}});
        reader.api.post(&format!("{path}/comments"), &comment).await.is(201);
        author.api.put(&path, &json!({"article": {"body": "b"}})).await.is(200);
    }
    author.api.delete(&format!("/articles/{old}")).await.is_empty();
    reader.api.get(&format!("/articles/{new}")).await.refuses(404, json!({"article": ["not found"]}));
}

#[tokio::test]
async fn updated_at_grows_with_each_update_and_created_at_stays() {
    let author = User::register().await;
    let created = Draft::new().create(&author.api).await;
    let article = &created.is(201)["article"];
    let path = format!("/articles/{}", string(&article["slug"]));
    let mut last = string(&article["updatedAt"]);
    for round in 0..10 {
        let write = author.at(Gate::Instance(round));

        let answer = write.put(&path, &json!({"article": {"body": format!("{round}")}})).await;

        let updated = string(&answer.is(200)["article"]["updatedAt"]);
        assert!(updated > last, "{updated} is not after {last}");
        assert_eq!(answer.json["article"]["createdAt"], article["createdAt"]);
        let read = author.at(Gate::Instance(round + 1)).get(&path).await;
        assert_eq!(read.is(200), &answer.json, "the same text in every answer");
        last = updated;
    }
}

#[tokio::test]
async fn what_an_article_needs_cannot_be_emptied() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);
    let before = author.api.get(&path).await;

    let empty = json!({"article": {"title": "", "description": "", "body": "", "tagList": []}});
    let empty = author.api.put(&path, &empty).await;
    let null = json!({"article": {"title": null, "description": null, "body": null}});
    let null = author.api.put(&path, &null).await;

    empty.refuses(422, json!({"title": blank(), "description": blank(), "body": blank()}));
    null.blames(422, &["title", "description", "body"]);
    assert_eq!(author.api.get(&path).await.is(200), before.is(200));
}

#[tokio::test]
async fn a_deleted_article_is_gone_everywhere() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        let tag = unique("tag");
        let slug = Draft::new().tagged(&[&tag]).publish(&author.api).await;
        let path = format!("/articles/{slug}");
        fan.follow(&author).await;
        fan.api.post_nothing(&format!("{path}/favorite")).await.is(200);
        let lists = [
            query("/articles", &[("author", &author.name)]),
            query("/articles", &[("tag", &tag)]),
            query("/articles", &[("favorited", &fan.name)]),
            "/articles/feed".to_owned(),
        ];
        let read = fan.at(reader);
        read.get(&path).await.is(200);
        for list in &lists {
            assert_eq!(slugs(&read.get(list).await), [slug.as_str()], "{list}");
        }

        author.at(writer).delete(&path).await.is_empty();

        let gone = json!({"article": ["not found"]});
        read.get(&path).await.refuses(404, gone.clone());
        read.get(&format!("{path}/comments")).await.refuses(404, gone.clone());
        read.post_nothing(&format!("{path}/favorite")).await.refuses(404, gone.clone());
        read.delete(&format!("{path}/favorite")).await.refuses(404, gone.clone());
        author.at(reader).put(&path, &json!({"article": {"body": "b"}})).await.refuses(404, gone.clone());
        author.at(reader).delete(&path).await.refuses(404, gone);
        for list in &lists {
            let answer = read.get(list).await;
            assert_eq!((slugs(&answer).len(), count(&answer)), (0, 0), "{list}");
        }
    }
}

#[tokio::test]
async fn only_the_author_may_change_or_delete() {
    let (author, other) = (User::register().await, User::register().await);
    let path = format!("/articles/{}", author.publish().await);
    let before = author.api.get(&path).await;

    let change = other.api.put(&path, &json!({"article": {"body": "mine"}})).await;
    let delete = other.api.delete(&path).await;

    change.refuses(403, json!({"article": ["forbidden"]}));
    delete.refuses(403, json!({"article": ["forbidden"]}));
    assert_eq!(author.api.get(&path).await.is(200), before.is(200));
}
