//! Paging repeats and skips nothing while nothing is written.

use magnitude_conformance::{Api, Draft, Gate, User, query, unique};

use crate::{count, slugs};

const ARTICLES: u64 = 37;

/// Reads a list page by page, at the instances in turn.
async fn pages(api: &Api, list: &str, size: usize) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let separator = if list.contains('?') { '&' } else { '?' };
        let path = format!("{list}{separator}limit={size}&offset={}", all.len());
        let answer = api.at(Gate::Instance(all.len() / size)).get(&path).await;
        let page = slugs(&answer);
        assert_eq!(count(&answer), ARTICLES, "the count is of all pages: {path}");
        if page.is_empty() {
            return all;
        }
        let left = usize::try_from(ARTICLES).expect("a small number") - all.len();
        assert_eq!(page.len(), size.min(left), "{path}");
        all.extend(page);
    }
}

#[tokio::test]
async fn pages_together_are_the_list() {
    let (authors, fan) = ([User::register().await, User::register().await, User::register().await], User::register().await);
    let tag = unique("tag");
    let mut expected = Vec::new();
    for number in 0..ARTICLES {
        let author = &authors[usize::try_from(number % 3).expect("a small number")];
        let slug = Draft::new().tagged(&["x", &tag]).publish(&author.api).await;
        fan.api.post_nothing(&format!("/articles/{slug}/favorite")).await.is(200);
        expected.insert(0, slug);
    }
    for author in &authors {
        fan.follow(author).await;
    }
    let lists = [
        query("/articles", &[("tag", &tag)]),
        query("/articles", &[("favorited", &fan.name)]),
        query("/articles", &[("tag", &tag), ("favorited", &fan.name)]),
        "/articles/feed".to_owned(),
    ];
    for list in lists {
        for size in [1, 7, 20, 36, 37, 100] {
            assert_eq!(pages(&fan.api, &list, size).await, expected, "{list} by {size}");
        }
    }
}

#[tokio::test]
async fn an_authors_pages_together_are_the_list() {
    let author = User::register().await;
    let mut expected = Vec::new();
    for _ in 0..ARTICLES {
        expected.insert(0, author.publish().await);
    }
    let list = query("/articles", &[("author", &author.name)]);
    for size in [1, 7, 20, 36, 37, 100] {
        assert_eq!(pages(&Api::anonymous(), &list, size).await, expected, "by {size}");
    }
}

#[tokio::test]
async fn a_page_of_any_offset_holds_the_right_part() {
    let author = User::register().await;
    let mut expected = Vec::new();
    for _ in 0..6 {
        expected.insert(0, author.publish().await);
    }
    for offset in 0..8 {
        for limit in 1..8 {
            let (limit_text, offset_text) = (limit.to_string(), offset.to_string());
            let pairs = [("author", author.name.as_str()), ("limit", &limit_text), ("offset", &offset_text)];

            let page = slugs(&Api::anonymous().get(&query("/articles", &pairs)).await);

            let part: Vec<_> = expected.iter().skip(offset).take(limit).cloned().collect();
            assert_eq!(page, part, "offset {offset}, limit {limit}");
        }
    }
}
