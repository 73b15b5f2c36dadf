//! Bodies that are no bodies, query strings that are no query strings: a clear 4xx, never a 5xx.

use magnitude_conformance::{Api, Draft, Gate, Method, User, Value, json, query, unique};

use crate::{count, slugs};

const MEBIBYTE: usize = 1 << 20;

/// The routes that read a body, with the name of its envelope.
async fn bodies(user: &User) -> [(Method, String, &'static str); 6] {
    let slug = user.publish().await;
    [
        (Method::POST, "/users".to_owned(), "user"),
        (Method::POST, "/users/login".to_owned(), "user"),
        (Method::PUT, "/user".to_owned(), "user"),
        (Method::POST, "/articles".to_owned(), "article"),
        (Method::PUT, format!("/articles/{slug}"), "article"),
        (Method::POST, format!("/articles/{slug}/comments"), "comment"),
    ]
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let user = User::register().await;
    let deep = "[".repeat(20_000);
    let texts: [&[u8]; 9] = [
        b"",
        b"not json",
        b"{",
        b"{\"user\":{}} trailing",
        b"{\"user\":{\"username\":\"\\ud800\"}}",
        b"{\"user\":{\"username\":\"\xff\xfe\"}}",
        b"\xff\xfe{\x00}\x00",
        b"{\"user\":{\"username\":\"raw \x00 NUL\"}}",
        deep.as_bytes(),
    ];
    for (method, path, _) in bodies(&user).await {
        for text in texts {
            let answer = user.api.bytes(method.clone(), &path, text).await;

            answer.refuses(422, json!({"body": ["is not valid JSON"]}));
        }
    }
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused() {
    let user = User::register().await;
    for (method, path, envelope) in bodies(&user).await {
        let shapes = [
            json!(null),
            json!(1),
            json!("text"),
            json!([]),
            json!({}),
            json!({"other": {}}),
            json!({envelope: null}),
            json!({envelope: 1}),
            json!({envelope: "text"}),
            json!({envelope: []}),
        ];
        for shape in shapes {
            let answer = user.api.json(method.clone(), &path, &shape).await;

            answer.refuses_somehow(422);
        }
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let user = User::register().await;
    let before = count(&user.api.get(&query("/articles", &[("author", &user.name)])).await);
    for (method, path, envelope) in bodies(&user).await {
        for gate in [Gate::Envoy, Gate::Instance(0)] {
            let mut body = json!({envelope: {"body": ""}}).to_string();
            let padding = MEBIBYTE + 1 - body.len();
            body.insert_str(body.len() - 3, &"x".repeat(padding));

            let answer = user.at(gate).bytes(method.clone(), &path, body).await;

            answer.refuses_somehow(413);
        }
    }
    let after = count(&user.api.get(&query("/articles", &[("author", &user.name)])).await);
    assert_eq!(after, before + 1, "only the article that the routes were tried on");
}

#[tokio::test]
async fn a_body_at_the_limit_is_read() {
    let user = User::register().await;
    let mut body = Draft::new().json().to_string();
    let padding = MEBIBYTE - body.len();
    body.push_str(&" ".repeat(padding));

    user.api.bytes(Method::POST, "/articles", body).await.is(201);
}

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
        both.refuses_somehow(422);
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

            answer.is_clients_fault();
        }
        let long = format!("/articles?{filter}={}", "x".repeat(4_000));
        let answer = api.get(&long).await;
        assert!(answer.status < 500, "{answer}");
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
            assert!((400..500).contains(&balanced.status), "{balanced}");
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
