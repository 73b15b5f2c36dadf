//! Paths, query strings and fields that cannot be: a clear 4xx that names them, never a 5xx.

use magnitude_conformance::{Api, Gate, Method, User, Value, json, query, unique};

use crate::{count, slugs};

#[tokio::test]
async fn a_bad_limit_or_offset_is_named() {
    let user = User::register().await;
    let by_author = format!("/articles?author={}&", user.name);
    for list in ["/articles?", "/articles/feed?", &by_author] {
        for bad in ["-1", "abc", "1.5", "1e3", "0x10", "%00", "%ff", "1%202", "-99999999999999999999999"] {
            for field in ["limit", "offset"] {
                let answer = user.api.get(&format!("{list}{field}={bad}")).await;

                answer.blames(422, &[field]);
            }
        }
        let both = user.api.get(&format!("{list}limit=x&offset=y")).await;
        both.blames(422, &["limit", "offset"]);
    }
}

#[tokio::test]
async fn an_offset_over_ten_thousand_is_refused() {
    let user = User::register().await;
    let by_author = format!("/articles?author={}&", user.name);
    for list in ["/articles?", "/articles/feed?", "/articles?tag=x&", "/articles?favorited=x&", &by_author] {
        user.api.get(&format!("{list}limit=1&offset=10000")).await.is(200);
        for huge in ["10001", "4294967296", "9223372036854775808", "18446744073709551616", "99999999999999999999999999999999"] {
            let answer = user.api.get(&format!("{list}offset={huge}")).await;

            answer.blames(422, &["offset"]);
        }
    }
}

#[tokio::test]
async fn a_large_limit_is_served_as_a_hundred() {
    let author = User::register().await;
    let list = crowded(&author, 101).await;
    for limit in ["100", "101", "4294967297", "18446744073709551616", "99999999999999999999999999999999"] {
        let answer = author.api.get(&format!("{list}&limit={limit}")).await;

        assert_eq!((slugs(&answer).len(), count(&answer)), (100, 101), "limit={limit}");
    }
}

/// An author's list with that many articles.
async fn crowded(author: &User, articles: usize) -> String {
    let each = async |_| author.publish().await;
    for chunk in 0..articles.div_ceil(8) {
        let size = 8.min(articles - chunk * 8);
        futures_util::future::join_all((0..size).map(each)).await;
    }
    query("/articles", &[("author", &author.name)])
}

#[tokio::test]
async fn a_filter_that_is_no_text_is_refused() {
    let api = Api::anonymous();
    for filter in ["tag", "author", "favorited"] {
        for bad in ["%00", "a%00b", "%ff", "%c3%28"] {
            let answer = api.get(&format!("/articles?{filter}={bad}")).await;

            answer.blames(422, &[filter]);
        }
        // Text that nothing can have, but text.
        let long = api.get(&format!("/articles?{filter}={}", "x".repeat(4_000))).await;
        assert_eq!(long.is(200), &json!({"articles": [], "articlesCount": 0}));
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let user = User::register().await;
    for bad in ["%ff", "%c3%28", "a%00b", "%00"] {
        let paths = [
            (Method::GET, format!("/articles/{bad}")),
            (Method::PUT, format!("/articles/{bad}")),
            (Method::DELETE, format!("/articles/{bad}/comments/1")),
            (Method::GET, format!("/profiles/{bad}")),
            (Method::POST, format!("/profiles/{bad}/follow")),
            (Method::DELETE, format!("/user/sessions/{bad}")),
        ];
        for (method, path) in paths {
            let direct = user.at(Gate::Instance(0)).bytes(method.clone(), &path, "{}").await;
            direct.is_clients_fault();
            let balanced = user.api.bytes(method, &path, "{}").await;
            balanced.is_clients_fault();
        }
    }
}

#[tokio::test]
async fn a_wrong_type_is_named() {
    let user = User::register().await;
    let wrong: [Value; 5] = [json!(1), json!(true), json!(1.5e300), json!(["a"]), json!({"a": "b"})];
    for value in wrong {
        let all = json!({"user": {"username": value, "email": value, "password": value}});
        let register = user.api.without_token().post("/users", &all).await;
        register.blames(422, &["username", "email", "password"]);
        let login = user.api.post("/users/login", &all).await;
        login.blames(422, &["email", "password"]);
        let update = json!({"user": {"username": value, "email": value, "password": value, "bio": value, "image": value}});
        let update = user.api.put("/user", &update).await;
        update.blames(422, &["username", "email", "password", "bio", "image"]);
    }
    let current = user.api.get("/user").await;
    assert_eq!(current.is(200)["user"]["username"], user.name.as_str());
}

#[tokio::test]
async fn a_bad_email_is_named() {
    let (api, user) = (Api::anonymous(), User::register().await);
    for email in ["plain", "@example.com", "a@", "a b@example.com", "a@b@c", "a@exam ple.com", "a\n@example.com"] {
        let register = User::attempt(&api, &unique("u"), email).await;
        register.blames(422, &["email"]);
        let update = user.api.put("/user", &json!({"user": {"email": email}})).await;
        update.blames(422, &["email"]);
    }
}
