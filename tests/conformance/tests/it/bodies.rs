//! Bodies that are no bodies, and bodies that are too large.

use magnitude_conformance::{Draft, Gate, Method, User, Value, json, query, raw};

const MEBIBYTE: usize = 1 << 20;

/// The routes that read a body, with the name of its envelope.
fn bodies(slug: &str) -> [(Method, String, &'static str); 6] {
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
    let slug = user.publish().await;
    for (method, path, _) in bodies(&slug) {
        for text in texts {
            let answer = user.api.bytes(method.clone(), &path, text).await;

            answer.refuses(422, json!({"body": ["is not valid JSON"]}));
        }
    }
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_and_nothing_is_written() {
    let user = User::register().await;
    let slug = &user.publish().await;
    let before = written(&user, slug).await;
    for (method, path, envelope) in bodies(slug) {
        for no_object in [json!(null), json!(1), json!("text"), json!([])] {
            let answer = user.api.json(method.clone(), &path, &no_object).await;
            answer.refuses(422, json!({"body": ["is not valid JSON"]}));

            let answer = user.api.json(method.clone(), &path, &json!({ envelope: no_object })).await;
            answer.blames(422, &[envelope]);
        }
        for nothing in [json!({}), json!({"other": {}})] {
            let answer = user.api.json(method.clone(), &path, &nothing).await;

            answer.blames(422, &[envelope]);
        }
    }
    assert_eq!(written(&user, slug).await, before);
}

/// What the routes of [`bodies`] could have changed.
async fn written(user: &User, slug: &str) -> [Value; 4] {
    let mut all = [const { Value::Null }; 4];
    let paths = [
        "/user".to_owned(),
        format!("/articles/{slug}"),
        format!("/articles/{slug}/comments"),
        query("/articles", &[("author", &user.name)]),
    ];
    for (seen, path) in all.iter_mut().zip(paths) {
        seen.clone_from(user.api.get(&path).await.is(200));
    }
    all
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let user = User::register().await;
    let slug = &user.publish().await;
    let before = written(&user, slug).await;
    for (method, path, envelope) in bodies(slug) {
        for gate in [Gate::Envoy, Gate::Instance(0)] {
            let mut body = json!({envelope: {"body": ""}}).to_string();
            let padding = MEBIBYTE + 1 - body.len();
            body.insert_str(body.len() - 3, &"x".repeat(padding));

            let answer = user.at(gate).bytes(method.clone(), &path, body).await;

            answer.blames(413, &["body"]);
        }
    }
    assert_eq!(written(&user, slug).await, before);
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
async fn a_body_of_unknown_length_is_too_large_once_it_is_over_the_limit() {
    let head = "POST /api/users HTTP/1.1\r\nhost: conduit\r\nconnection: close\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let mut request = head.as_bytes().to_vec();
    for _ in 0..=16 {
        request.extend_from_slice(b"10000\r\n");
        request.resize(request.len() + (1 << 16), b' ');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");

    let answer = raw(&request).await.expect("an answer");

    answer.blames(413, &["body"]);
}
