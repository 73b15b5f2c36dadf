//! GET /tags.

use magnitude_conformance::{Api, Draft, Gate, User, json, unique};

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
