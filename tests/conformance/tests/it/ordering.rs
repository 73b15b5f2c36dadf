//! One author's articles keep their order, whichever instances took them.

use futures_util::{StreamExt, stream};
use magnitude_conformance::{Api, Draft, Gate, User, query, unique};

use crate::{newest_down_to, slugs};

#[tokio::test]
async fn articles_of_one_author_are_listed_in_the_order_of_their_creation() {
    let (author, fan) = (User::register().await, User::register().await);
    fan.follow(&author).await;
    let tag = unique("tag");
    let draft = Draft::new().tagged(&[&tag]);
    let mut expected = Vec::new();
    for number in 0..40 {
        let slug = draft.publish(&author.at(Gate::Instance(number))).await;
        fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
        expected.insert(0, slug);
    }

    let lists = [
        query("/articles", &[("author", &author.name), ("limit", "100")]),
        query("/articles", &[("tag", &tag), ("limit", "100")]),
        query("/articles", &[("favorited", &fan.name), ("limit", "100")]),
        "/articles/feed?limit=100".to_owned(),
    ];

    for list in lists {
        for gate in [Gate::Instance(0), Gate::Instance(1)] {
            assert_eq!(slugs(&fan.at(gate).get(&list).await), expected, "{list}");
        }
    }
}

#[tokio::test]
async fn the_unfiltered_list_keeps_one_authors_order() {
    let author = User::register().await;
    let mut expected = Vec::new();
    for number in 0..6 {
        expected.insert(0, Draft::new().publish(&author.at(Gate::Instance(number))).await);
    }

    let listed = newest_down_to(&Api::anonymous(), expected.last().expect("six were published")).await;

    let own: Vec<_> = listed.into_iter().filter(|slug| expected.contains(slug)).collect();
    assert_eq!(own, expected);
}

#[tokio::test]
async fn authors_who_write_at_once_each_keep_their_order() {
    let tag = unique("tag");
    let authors: Vec<_> = stream::iter((0..4).map(|_| User::register())).buffered(4).collect().await;

    let written = authors.iter().map(|author| {
        let draft = Draft::new().tagged(&[&tag]);
        async move {
            let mut slugs = Vec::new();
            for number in 0..10 {
                slugs.insert(0, draft.publish(&author.at(Gate::Instance(number))).await);
            }
            slugs
        }
    });
    let written: Vec<Vec<String>> = stream::iter(written).buffered(4).collect().await;

    let listed = slugs(&Api::anonymous().get(&query("/articles", &[("tag", &tag), ("limit", "100")])).await);
    assert_eq!(listed.len(), 40);
    for expected in written {
        let own: Vec<_> = listed.iter().filter(|slug| expected.contains(slug)).cloned().collect();
        assert_eq!(own, expected);
    }
}
