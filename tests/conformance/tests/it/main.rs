//! The public API, black box; see the README.

mod article_races;
mod articles;
mod articles_change;
mod bad_articles;
mod bad_input;
mod bad_users;
mod bodies;
mod comments;
mod consistency;
mod consistency_lists;
mod errors;
mod favorites;
mod feed;
mod gateway;
mod idempotency;
mod keyed_users;
mod lists;
mod media;
mod names;
mod notifications;
mod openapi;
mod ordering;
mod paging;
mod profiles;
mod races;
mod sent_again;
mod session_list;
mod sessions;
mod tags;
mod user_update;
mod users;

use magnitude_conformance::{Answer, Api, Value, json};

/// What an empty required text is answered with.
fn blank() -> Value {
    json!(["can't be blank"])
}

/// The slugs of a list, in its order.
fn slugs(answer: &Answer) -> Vec<String> {
    let articles = answer.is(200)["articles"].as_array();
    let articles = articles.unwrap_or_else(|| panic!("no list of articles in\n{answer}"));
    articles.iter().map(|article| string(&article["slug"])).collect()
}

/// The unfiltered list from its top down to this article, which is part of it. Others publish and delete meanwhile: the pages
/// overlap, so that what moves by less than half a page is not missed.
async fn newest_down_to(api: &Api, slug: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for offset in (0..2_000).step_by(50) {
        let page = slugs(&api.get(&format!("/articles?limit=100&offset={offset}")).await);
        for entry in page {
            if !seen.contains(&entry) {
                seen.push(entry);
            }
        }
        if let Some(place) = seen.iter().position(|entry| entry == slug) {
            seen.truncate(place + 1);
            return seen;
        }
    }
    panic!("{slug} is not among the {} newest articles", seen.len())
}

/// A list's `articlesCount`.
fn count(answer: &Answer) -> u64 {
    let count = answer.is(200)["articlesCount"].as_u64();
    count.unwrap_or_else(|| panic!("no articlesCount in\n{answer}"))
}

fn string(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

/// The names of an object's fields, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object();
    let object = object.unwrap_or_else(|| panic!("{value} is not an object"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
