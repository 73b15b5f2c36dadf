//! After a write has been answered, the next request of any client through any instance sees it: lists and counts.

use magnitude_conformance::{Api, Draft, Gate, User, json, query, unique};

use crate::{count, newest_down_to, slugs};

const ROUNDS: usize = 6;

#[tokio::test]
async fn a_new_article_is_first_in_every_list_it_belongs_to() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        fan.follow(&author).await;
        let tag = unique("tag");
        let lists = [
            query("/articles", &[("author", &author.name)]),
            query("/articles", &[("tag", &tag)]),
            query("/articles", &[("author", &author.name), ("tag", &tag)]),
            "/articles/feed".to_owned(),
        ];
        let mut expected: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let draft = Draft::new().tagged(&[&tag]);

            expected.insert(0, draft.publish(&author.at(writer)).await);

            for list in &lists {
                let answer = fan.at(reader).get(list).await;
                assert_eq!(slugs(&answer), expected, "{list}");
                assert_eq!(count(&answer), expected.len() as u64, "{list}");
            }
        }
    }
}

#[tokio::test]
async fn a_new_article_is_in_the_unfiltered_list() {
    for (writer, reader) in Gate::PAIRS {
        let author = User::register().await;
        for _ in 0..ROUNDS {
            let read = Api::anonymous().at(reader);
            // Below the one that comes and goes, so that a list down to it is long enough.
            let below = author.publish().await;
            newest_down_to(&read, &below).await;

            let slug = Draft::new().publish(&author.at(writer)).await;

            assert!(newest_down_to(&read, &below).await.contains(&slug), "{slug} is not listed");
            author.at(writer).delete(&format!("/articles/{slug}")).await.is_empty();
            assert!(!newest_down_to(&read, &below).await.contains(&slug), "{slug} is still listed");
        }
    }
}

#[tokio::test]
async fn favorited_articles_are_listed_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        let list = query("/articles", &[("favorited", &fan.name)]);
        let mut expected: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let slug = author.publish().await;

            fan.at(writer).post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);

            expected.insert(0, slug);
            let answer = Api::anonymous().at(reader).get(&list).await;
            assert_eq!(slugs(&answer), expected);
            assert_eq!(count(&answer), expected.len() as u64);
        }
        while let Some(slug) = expected.pop() {
            fan.at(writer).delete(&format!("/articles/{slug}/favorite")).await.is(200);

            let answer = author.at(reader).get(&list).await;
            assert_eq!(slugs(&answer), expected);
            assert_eq!(count(&answer), expected.len() as u64);
        }
    }
}

#[tokio::test]
async fn comments_come_and_go_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let (author, other) = (User::register().await, User::register().await);
        let path = format!("/articles/{}/comments", author.publish().await);
        let mut expected = Vec::new();
        for round in 0..ROUNDS {
            let body = json!({"comment": {"body": format!("comment {round}")}});
            let answer = author.at(writer).post(&path, &body).await;
            expected.push(answer.is(201)["comment"].clone());
            assert_eq!(other.at(reader).get(&path).await.is(200), &json!({"comments": expected}));
        }
        while let Some(comment) = expected.pop() {
            author.at(writer).delete(&format!("{path}/{}", comment["id"])).await.is_empty();
            assert_eq!(other.at(reader).get(&path).await.is(200), &json!({"comments": expected}));
        }
    }
}

#[tokio::test]
async fn counts_shrink_at_once_when_articles_go() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        fan.follow(&author).await;
        let tag = unique("tag");
        let mut left: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            left.insert(0, Draft::new().tagged(&[&tag]).publish(&author.api).await);
        }
        let lists = [query("/articles", &[("author", &author.name)]), query("/articles", &[("tag", &tag)]), "/articles/feed".to_owned()];
        while !left.is_empty() {
            let slug = left.remove(left.len() / 2);

            author.at(writer).delete(&format!("/articles/{slug}")).await.is_empty();

            for list in &lists {
                let answer = fan.at(reader).get(list).await;
                assert_eq!(slugs(&answer), left, "{list}");
                assert_eq!(count(&answer), left.len() as u64, "{list}");
            }
        }
    }
}
