//! GET /tags.

use magnitude_conformance::{Api, Draft, Gate, User, json, query, unique};

fn tags(answer: &magnitude_conformance::Answer) -> Vec<String> {
    let tags = answer.is(200)["tags"].as_array();
    let tags = tags.unwrap_or_else(|| panic!("no list of tags in\n{answer}"));
    tags.iter().map(crate::string).collect()
}

#[tokio::test]
async fn a_tag_used_a_moment_ago_is_listed_however_many_exist() {
    for (writer, reader) in Gate::PAIRS {
        let author = User::register().await;
        let read = Api::anonymous().at(reader);
        let first = unique("tag");
        tags(&read.get("/tags").await);

        let slug = Draft::new().tagged(&[&first]).publish(&author.at(writer)).await;
        assert!(tags(&read.get("/tags").await).contains(&first), "a new article's tag");

        let second = unique("tag");
        let change = json!({"article": {"tagList": [second]}});
        author.at(writer).put(&format!("/articles/{slug}"), &change).await.is(200);
        assert!(tags(&read.get("/tags").await).contains(&second), "a changed article's tag");
    }
}

/// Tags of which each is used twice, more than the most used ones of the list.
async fn crowd(author: &User) {
    let popular: Vec<_> = (0..60).map(|_| unique("pop")).collect();
    let popular: Vec<_> = popular.iter().map(String::as_str).collect();
    for twenty in popular.chunks(20).chain(popular.chunks(20)) {
        Draft::new().tagged(twenty).publish(&author.api).await;
    }
}

#[tokio::test]
async fn a_tag_that_is_used_once_is_listed_beside_the_most_used_ones() {
    let author = User::register().await;
    // From here on a tag with one use is not among the 50 most used.
    crowd(&author).await;
    let tag = unique("tag");

    Draft::new().tagged(&[&tag]).publish(&author.at(Gate::Instance(0))).await;

    for gate in [Gate::Instance(1), Gate::Envoy] {
        let listed = tags(&Api::anonymous().at(gate).get("/tags").await);
        assert!(listed.contains(&tag), "not among {} tags", listed.len());
    }
}

#[tokio::test]
async fn a_tag_goes_with_its_last_article() {
    for (writer, reader) in Gate::PAIRS {
        let author = User::register().await;
        let (kept, gone) = (unique("kept"), unique("gone"));
        let read = Api::anonymous().at(reader);
        let other = Draft::new().tagged(&[&kept]).publish(&author.api).await;
        let slug = Draft::new().tagged(&[&kept, &gone]).publish(&author.api).await;
        let path = format!("/articles/{slug}");
        assert!(tags(&read.get("/tags").await).contains(&gone));

        author.at(writer).put(&path, &json!({"article": {"tagList": []}})).await.is(200);
        let listed = tags(&read.get("/tags").await);
        assert!(!listed.contains(&gone), "removed from its only article");
        assert!(listed.contains(&kept), "still a tag of the other article");

        author.at(writer).put(&path, &json!({"article": {"tagList": [gone]}})).await.is(200);
        assert!(tags(&read.get("/tags").await).contains(&gone), "put back");
        author.at(writer).delete(&path).await.is_empty();
        author.at(writer).delete(&format!("/articles/{other}")).await.is_empty();
        let listed = tags(&read.get("/tags").await);
        assert!(!listed.contains(&gone) && !listed.contains(&kept), "their articles are deleted");
    }
}

#[tokio::test]
async fn a_tag_named_twice_counts_once() {
    let author = User::register().await;
    let (one, two) = (unique("one"), unique("two"));
    let expected = json!([two, one]);

    let made = Draft::new().tagged(&[&two, &one, &two]).create(&author.api).await;

    assert_eq!(made.is(201)["article"]["tagList"], expected);
    let path = format!("/articles/{}", crate::string(&made.json["article"]["slug"]));
    let change = json!({"article": {"tagList": [two, two, one, one]}});
    let changed = author.api.put(&path, &change).await;
    assert_eq!(changed.is(200)["article"]["tagList"], expected);
    for tag in [&one, &two] {
        assert_eq!(crate::count(&author.api.get(&query("/articles", &[("tag", tag)])).await), 1);
    }
    author.api.delete(&path).await.is_empty();
    for tag in [&one, &two] {
        assert_eq!(crate::count(&author.api.get(&query("/articles", &[("tag", tag)])).await), 0);
    }
}

#[tokio::test]
async fn the_list_is_bounded_and_names_a_tag_once() {
    let author = User::register().await;
    let fresh: Vec<_> = (0..20).map(|_| unique("tag")).collect();
    let fresh: Vec<_> = fresh.iter().map(String::as_str).collect();
    Draft::new().tagged(&fresh).publish(&author.api).await;
    Draft::new().tagged(&fresh).publish(&author.api).await;

    let answer = Api::anonymous().get("/tags").await;

    let listed = tags(&answer);
    assert_eq!(answer.json.as_object().map(magnitude_conformance::Map::len), Some(1));
    assert!(listed.len() <= 1_000, "{} tags", listed.len());
    for tag in fresh {
        assert_eq!(listed.iter().filter(|listed| *listed == tag).count(), 1, "{tag}");
    }
}
