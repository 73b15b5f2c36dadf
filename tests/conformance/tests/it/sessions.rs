//! Tokens and logout.

use magnitude_conformance::{Api, Gate, Method, User, Value, json, unknown_token};

fn invalid() -> Value {
    json!({"token": ["is invalid"]})
}

#[tokio::test]
async fn token_and_bearer_are_both_understood() {
    let user = User::register().await;
    for scheme in ["Token", "Bearer"] {
        let header = format!("{scheme} {}", user.token);

        let headers = [("authorization", header.as_str())];
        let answer = Api::anonymous().send(Method::GET, "/user", &headers, None).await;

        assert_eq!(answer.is(200)["user"]["token"], user.token.as_str());
    }
}

#[tokio::test]
async fn a_header_that_is_no_token_is_invalid() {
    let token = User::register().await.token;
    let long = format!("Token {}", "x".repeat(4_000));
    // A live token too, if it comes without its scheme, under another one, or with more behind it.
    let live = [token.clone(), format!("Basic {token}"), format!("Token {token} x"), format!("Token {token}x")];
    let dead = ["Token", "Token ", "Bearer", "Basic x", "Basic dTpw", "Token a b", "Token !!!", &long];
    for header in live.iter().map(String::as_str).chain(dead) {
        let headers = [("authorization", header)];

        let answer = Api::anonymous().send(Method::GET, "/user", &headers, None).await;

        answer.refuses(401, invalid());
    }
}

#[tokio::test]
async fn where_a_token_is_optional_a_bad_one_is_an_anonymous_viewer() {
    let user = User::register().await;
    let slug = user.publish().await;
    let paths = [
        "/articles?limit=1".to_owned(),
        format!("/articles/{slug}"),
        format!("/articles/{slug}/comments"),
        format!("/profiles/{}", user.name),
        "/tags".to_owned(),
    ];
    for path in paths {
        for token in [unknown_token(&user.token), "bm90IGEgdG9rZW4".to_owned()] {
            user.api.with_token(&token).get(&path).await.is(200);
        }
    }
}

#[tokio::test]
async fn a_token_that_looks_like_one_and_is_nobodys_is_invalid() {
    let user = User::register().await;
    let unknown = user.api.with_token(&unknown_token(&user.token));
    for gate in [Gate::Instance(0), Gate::Instance(1), Gate::Envoy] {
        unknown.at(gate).get("/user").await.refuses(401, invalid());
        unknown.at(gate).get("/articles/feed").await.refuses(401, invalid());
        unknown.at(gate).post_nothing("/users/logout").await.refuses(401, invalid());
        user.at(gate).get("/user").await.is(200);
    }
}

#[tokio::test]
async fn logout_ends_this_session_at_every_instance() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let other = user.login().await;
        user.at(reader).get("/user").await.is(200);
        user.at(reader).get("/articles/feed").await.is(200);

        user.at(writer).post_nothing("/users/logout").await.is_empty();

        user.at(reader).get("/user").await.refuses(401, invalid());
        user.at(reader).get("/articles/feed").await.refuses(401, invalid());
        user.at(reader).post_nothing("/users/logout").await.refuses(401, invalid());
        other.at(reader).get("/user").await.is(200);
    }
}

#[tokio::test]
async fn an_ended_session_reads_as_nobody() {
    let (author, reader) = (User::register().await, User::register().await);
    reader.follow(&author).await;
    let path = format!("/profiles/{}", author.name);
    let profile = reader.api.get(&path).await;
    assert_eq!(profile.is(200)["profile"]["following"], true);

    reader.api.post_nothing("/users/logout").await.is_empty();

    let profile = reader.api.get(&path).await;
    assert_eq!(profile.is(200)["profile"]["following"], false);
}

#[tokio::test]
async fn sessions_are_not_for_strangers() {
    let missing = json!({"token": ["is missing"]});
    let api = Api::anonymous();
    api.get("/user/sessions").await.refuses(401, missing.clone());
    api.post_nothing("/users/logout").await.refuses(401, missing.clone());
    api.delete("/user/sessions/x").await.refuses(401, missing);
}
