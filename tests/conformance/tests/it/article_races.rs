//! Writers of one article, or of one author's articles, in each other's way.

use futures_util::future::join_all;
use magnitude_conformance::{Api, Draft, Gate, User, json, query, unique};

use crate::{count, slugs, string};

#[tokio::test]
async fn racing_favorites_are_all_counted() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);
    let fans = join_all((0..12).map(|_| User::register())).await;

    // Each of them twice, at both instances.
    let favorite = format!("{path}/favorite");
    let favorites = (0..24).map(|number| {
        let (api, favorite) = (fans[number / 2].at(Gate::Instance(number)), &favorite);
        async move { api.post_nothing(favorite).await.is(200)["article"]["favorited"].clone() }
    });
    let flags = join_all(favorites).await;

    assert!(flags.iter().all(|flag| flag == true), "{flags:?}");
    let article = author.api.get(&path).await;
    assert_eq!(article.is(200)["article"]["favoritesCount"], 12);
}

#[tokio::test]
async fn racing_updates_leave_one_of_them_in_whole() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);
    let texts: Vec<_> = (0..12).map(|_| unique("t")).collect();

    let updates = texts.iter().enumerate().map(|(number, text)| {
        let (api, path) = (author.at(Gate::Instance(number)), &path);
        let change = json!({"article": {"title": text, "description": text, "body": text, "tagList": [text]}});
        async move { api.put(path, &change).await }
    });
    let answers = join_all(updates).await;

    let mut times: Vec<_> = answers.iter().map(|answer| string(&answer.is(200)["article"]["updatedAt"])).collect();
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), 12, "updatedAt grows with each update: {times:?}");
    let last = author.api.get(&path).await;
    let last = &last.is(200)["article"];
    assert_eq!(Some(&string(&last["updatedAt"])), times.last());
    for field in [&last["description"], &last["body"], &last["tagList"][0]] {
        assert_eq!(field, &last["title"], "{last}");
    }
    for text in &texts {
        let tagged = author.api.get(&query("/articles", &[("tag", text)])).await;
        assert_eq!((slugs(&tagged).len() as u64, count(&tagged)), if last["title"] == *text { (1, 1) } else { (0, 0) }, "{text}");
    }
}

#[tokio::test]
async fn racing_comments_all_have_ids_of_their_own() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);

    let comments = (0..24).map(|number| {
        let (api, path) = (author.at(Gate::Instance(number)), &path);
        async move { api.post(path, &json!({"comment": {"body": "c"}})).await.is(201)["comment"]["id"].as_u64() }
    });
    let mut ids = join_all(comments).await;

    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 24);
    let list = author.api.get(&path).await;
    assert_eq!(list.is(200)["comments"].as_array().map(Vec::len), Some(24));
}

#[tokio::test]
async fn a_deletion_that_races_favorites_leaves_none_of_them() {
    for round in 0..4 {
        let author = User::register().await;
        let path = format!("/articles/{}", author.publish().await);
        let fans = join_all((0..12).map(|_| User::register())).await;
        let favorite = async |number: usize| {
            let api = fans[number].at(Gate::Instance(number));
            api.post_nothing(&format!("{path}/favorite")).await
        };
        // Some are done before: a deletion that is quick would meet none.
        let early = 3 * round;
        for answer in join_all((0..early).map(&favorite)).await {
            answer.is(200);
        }

        let author = author.at(Gate::Instance(round));
        let (answers, deleted) = tokio::join!(join_all((early..12).map(&favorite)), author.delete(&path));

        deleted.is_empty();
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refuses(404, json!({"article": ["not found"]}));
        }
        for (number, fan) in fans.iter().enumerate() {
            let list = query("/articles", &[("favorited", &fan.name)]);
            let list = Api::anonymous().at(Gate::Instance(number + 1)).get(&list).await;
            assert_eq!(list.is(200), &json!({"articles": [], "articlesCount": 0}));
        }
    }
}

#[tokio::test]
async fn articles_that_swap_their_tags_do_not_block_each_other() {
    let author = User::register().await;
    let (one, two) = (unique("one"), unique("two"));
    let mut paths = Vec::new();
    for tag in [&one, &two] {
        paths.push(format!("/articles/{}", Draft::new().tagged(&[tag]).publish(&author.api).await));
    }
    let put = async |number: usize, tag: &str| {
        let api = author.at(Gate::Instance(number));
        api.put(&paths[number], &json!({"article": {"tagList": [tag]}})).await.is(200);
    };
    for round in 0..30 {
        let tags = if round % 2 == 0 { [&two, &one] } else { [&one, &two] };

        tokio::join!(put(0, tags[0]), put(1, tags[1]));
    }
    for (tag, path) in [(&one, &paths[0]), (&two, &paths[1])] {
        let tagged = author.api.get(&query("/articles", &[("tag", tag)])).await;
        assert_eq!(count(&tagged), 1);
        assert_eq!(slugs(&tagged), [path.trim_start_matches("/articles/")]);
    }
}
