//! GET /articles: filters, counts, the viewer's own flags.

use magnitude_conformance::{Api, Draft, Gate, User, json, query, unique};

use crate::{count, slugs};

#[tokio::test]
async fn an_author_tag_or_fan_without_articles_has_an_empty_list() {
    let user = User::register().await;
    let nobody = unique("nobody");
    let empty = json!({"articles": [], "articlesCount": 0});
    let filters = [
        ("author", user.name.as_str()),
        ("author", nobody.as_str()),
        ("tag", nobody.as_str()),
        ("favorited", user.name.as_str()),
        ("favorited", nobody.as_str()),
    ];
    for filter in filters {
        let answer = user.api.get(&query("/articles", &[filter])).await;

        assert_eq!(answer.is(200), &empty);
    }
}

#[tokio::test]
async fn filters_find_what_they_name_newest_first() {
    let (author, fan) = (User::register().await, User::register().await);
    let tag = unique("tag");
    let plain = author.publish().await;
    let tagged = Draft::new().tagged(&["x", &tag]).publish(&author.api).await;
    let other = Draft::new().tagged(&[&tag]).publish(&fan.api).await;
    for slug in [&plain, &other] {
        fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
    }
    for gate in [Gate::Instance(0), Gate::Instance(1), Gate::Envoy] {
        let list = async |filters: &[(&str, &str)]| {
            let answer = Api::anonymous().at(gate).get(&query("/articles", filters)).await;
            let slugs = slugs(&answer);
            assert_eq!(count(&answer), slugs.len() as u64, "{answer}");
            slugs
        };
        let (by, with, liked) = (("author", author.name.as_str()), ("tag", tag.as_str()), ("favorited", fan.name.as_str()));

        assert_eq!(list(&[by]).await, [tagged.as_str(), &plain]);
        assert_eq!(list(&[with]).await, [other.as_str(), &tagged]);
        assert_eq!(list(&[liked]).await, [other.as_str(), &plain]);
        assert_eq!(list(&[by, with]).await, [tagged.as_str()]);
        assert_eq!(list(&[by, liked]).await, [plain.as_str()]);
        assert_eq!(list(&[with, liked]).await, [other.as_str()]);
        assert_eq!(list(&[by, with, liked]).await, [""; 0]);
    }
}

#[tokio::test]
async fn combined_filters_count_all_matches_and_not_the_page() {
    let (author, fan) = (User::register().await, User::register().await);
    let tag = unique("tag");
    for number in 0..6 {
        let draft = if number % 2 == 0 { Draft::new().tagged(&[&tag]) } else { Draft::new() };
        let slug = draft.publish(&author.api).await;
        if number < 4 {
            fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
        }
    }
    let (by, with, liked) = (("author", author.name.as_str()), ("tag", tag.as_str()), ("favorited", fan.name.as_str()));
    for (filters, expected) in [
        (vec![by], 6),
        (vec![with], 3),
        (vec![liked], 4),
        (vec![by, with], 3),
        (vec![by, liked], 4),
        (vec![with, liked], 2),
        (vec![by, with, liked], 2),
    ] {
        let mut filters = filters;
        filters.extend([("limit", "1"), ("offset", "1")]);

        let answer = author.api.get(&query("/articles", &filters)).await;

        assert_eq!((slugs(&answer).len(), count(&answer)), (1, expected), "{answer}");
    }
}

#[tokio::test]
async fn tags_are_matched_as_they_were_written() {
    let author = User::register().await;
    let stem = unique("t");
    for tag in [format!("{stem} &+%/?#"), format!("{stem}\u{e4}\u{6f22}\u{1f600}"), format!("{stem}'\"\\_%")] {
        let slug = Draft::new().tagged(&[&tag]).publish(&author.api).await;

        let answer = author.api.get(&query("/articles", &[("tag", &tag)])).await;

        assert_eq!(slugs(&answer), [slug]);
        assert_eq!(answer.json["articles"][0]["tagList"], json!([tag]));
    }
}

#[tokio::test]
async fn a_list_carries_the_viewers_own_flags() {
    let (author, fan) = (User::register().await, User::register().await);
    let slug = author.publish().await;
    fan.follow(&author).await;
    fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
    let path = query("/articles", &[("author", &author.name)]);
    for (viewer, flag) in [(&fan.api, true), (&author.api, false), (&Api::anonymous(), false)] {
        let answer = viewer.get(&path).await;

        let entry = &answer.is(200)["articles"][0];
        assert_eq!(entry["favorited"], flag, "{answer}");
        assert_eq!(entry["author"]["following"], flag, "{answer}");
        assert_eq!(entry["favoritesCount"], 1, "{answer}");
    }
}

#[tokio::test]
async fn the_default_page_has_twenty_entries() {
    let author = User::register().await;
    for _ in 0..21 {
        author.publish().await;
    }

    let answer = author.api.get(&query("/articles", &[("author", &author.name)])).await;

    assert_eq!((slugs(&answer).len(), count(&answer)), (20, 21));
}

#[tokio::test]
async fn a_page_of_no_entries_still_counts_all_matches() {
    let (author, fan) = (User::register().await, User::register().await);
    let tag = unique("tag");
    for _ in 0..2 {
        let slug = Draft::new().tagged(&[&tag]).publish(&author.api).await;
        fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
    }
    fan.follow(&author).await;
    let none = ("limit", "0");
    let lists = [
        query("/articles", &[("author", &author.name), none]),
        query("/articles", &[("tag", &tag), none]),
        query("/articles", &[("favorited", &fan.name), none]),
        query("/articles", &[("tag", &tag), ("favorited", &fan.name), none]),
        query("/articles/feed", &[none]),
    ];
    for list in lists {
        let answer = fan.api.get(&list).await;

        assert_eq!(answer.is(200), &json!({"articles": [], "articlesCount": 2}), "{list}");
    }
    assert_eq!(slugs(&fan.api.get("/articles?limit=0").await), [""; 0]);
}

#[tokio::test]
async fn a_fan_is_found_by_the_new_name_and_not_by_the_old_one() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        let slug = author.publish().await;
        fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
        let favorited = |name: &str| query("/articles", &[("favorited", name)]);
        let read = Api::anonymous().at(reader);
        assert_eq!(slugs(&read.get(&favorited(&fan.name)).await), [slug.as_str()]);
        let name = unique("r");

        fan.at(writer).put("/user", &json!({"user": {"username": name}})).await.is(200);

        let found = read.get(&favorited(&name)).await;
        assert_eq!((slugs(&found), count(&found)), (vec![slug], 1));
        assert_eq!(read.get(&favorited(&fan.name)).await.is(200), &json!({"articles": [], "articlesCount": 0}));
    }
}
