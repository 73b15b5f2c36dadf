//! Tokens, logout, and the list of one's own sessions.

use magnitude_conformance::{Api, Gate, Method, User, Value, is_timestamp, json};

use crate::{keys, string};

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
    let long = format!("Token {}", "x".repeat(4_000));
    for header in ["Token", "Token ", "Basic dTpw", "Token a b", "Token !!!", long.as_str()] {
        let headers = [("authorization", header)];

        let answer = Api::anonymous().send(Method::GET, "/user", &headers, None).await;

        answer.refuses(401, invalid());
    }
}

#[tokio::test]
async fn where_a_token_is_optional_a_bad_one_is_an_anonymous_viewer() {
    let user = User::register().await;
    let slug = user.publish().await;
    let stale = user.api.with_token("bm90IGEgdG9rZW4");
    let paths = [
        "/articles?limit=1".to_owned(),
        format!("/articles/{slug}"),
        format!("/articles/{slug}/comments"),
        format!("/profiles/{}", user.name),
        "/tags".to_owned(),
    ];
    for path in paths {
        stale.get(&path).await.is(200);
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
async fn ones_sessions_are_listed_and_one_of_them_is_the_current_one() {
    let user = User::register().await;
    let body = json!({"user": {"email": user.email, "password": magnitude_conformance::PASSWORD}});
    let headers = [("content-type", "application/json"), ("user-agent", "A Phone/1.0")];
    let body = Some(body.to_string().into_bytes());
    Api::anonymous().send(Method::POST, "/users/login", &headers, body).await.is(200);

    let answer = user.api.get("/user/sessions").await;

    let sessions = answer.is(200)["sessions"].as_array().expect("a list");
    assert_eq!(sessions.len(), 2, "{answer}");
    for session in sessions {
        let fields = ["createdAt", "current", "device", "expiresAt", "id", "lastUsedAt"];
        assert_eq!(keys(session), fields);
        for time in ["createdAt", "lastUsedAt", "expiresAt"] {
            assert!(is_timestamp(&session[time]), "{time} of\n{answer}");
        }
        assert!(session["expiresAt"].as_str() > session["createdAt"].as_str(), "{answer}");
    }
    let current: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1, "{answer}");
    assert!(string(&current[0]["device"]).contains("magnitude-conformance"), "{answer}");
    let other = sessions.iter().find(|session| session["current"] == false);
    let other = other.expect("the other session is not the current one");
    assert!(string(&other["device"]).contains("A Phone"), "{answer}");
}

#[tokio::test]
async fn a_revoked_session_is_refused_by_every_instance() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let lost = user.login().await.at(reader);
        lost.get("/user").await.is(200);
        lost.get("/articles/feed").await.is(200);
        let id = other_session(&user).await;

        user.at(writer).delete(&format!("/user/sessions/{id}")).await.is_empty();

        lost.get("/user").await.refuses(401, invalid());
        lost.get("/articles/feed").await.refuses(401, invalid());
        let left = user.at(reader).get("/user/sessions").await;
        assert_eq!(left.is(200)["sessions"].as_array().map(Vec::len), Some(1), "{left}");
    }
}

#[tokio::test]
async fn only_ones_own_sessions_can_be_revoked() {
    let (user, stranger) = (User::register().await, User::register().await);
    let kept = user.login().await;
    let id = other_session(&user).await;

    let foreign = stranger.api.delete(&format!("/user/sessions/{id}")).await;
    let unknown = stranger.api.delete("/user/sessions/nonsense").await;
    let anonymous = Api::anonymous().delete(&format!("/user/sessions/{id}")).await;

    foreign.refuses_somehow(404);
    unknown.refuses_somehow(404);
    anonymous.refuses(401, json!({"token": ["is missing"]}));
    kept.get("/user").await.is(200);
}

#[tokio::test]
async fn sessions_are_not_for_strangers() {
    let missing = json!({"token": ["is missing"]});
    let api = Api::anonymous();
    api.get("/user/sessions").await.refuses(401, missing.clone());
    api.post_nothing("/users/logout").await.refuses(401, missing);
}

/// The id of the user's one session that is not the current one.
async fn other_session(user: &User) -> String {
    let answer = user.api.get("/user/sessions").await;
    let sessions = answer.is(200)["sessions"].as_array().expect("a list");
    let mut others = sessions.iter().filter(|session| session["current"] == false);
    let id = &others.next().unwrap_or_else(|| panic!("no other session in\n{answer}"))["id"];
    assert!(others.next().is_none(), "more than one other session in\n{answer}");
    id.as_str().map_or_else(|| id.to_string(), ToOwned::to_owned)
}
