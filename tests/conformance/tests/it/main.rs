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
mod idempotency;
mod keyed_users;
mod lists;
mod names;
mod openapi;
mod ordering;
mod paging;
mod profiles;
mod races;
mod session_list;
mod sessions;
mod tags;
mod user_update;
mod users;

use magnitude_conformance::{Answer, Value, json};

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
