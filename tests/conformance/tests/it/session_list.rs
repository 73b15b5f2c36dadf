//! The list of one's own sessions, and revoking one of them.

use magnitude_conformance::{Api, Gate, Method, PASSWORD, User, Value, is_timestamp, json};

use crate::{keys, string};

fn invalid() -> Value {
    json!({"token": ["is invalid"]})
}

fn not_found() -> Value {
    json!({"session": ["not found"]})
}

async fn sessions(api: &Api) -> Vec<Value> {
    let answer = api.get("/user/sessions").await;
    let sessions = answer.is(200)["sessions"].as_array();
    sessions.unwrap_or_else(|| panic!("no list of sessions in\n{answer}")).clone()
}

/// The id of the user's one session that is the current one, or that is not.
async fn id_of(user: &User, current: bool) -> String {
    let sessions = sessions(&user.api).await;
    let mut matching = sessions.iter().filter(|session| session["current"] == current);
    let session = matching.next().unwrap_or_else(|| panic!("no such session among {sessions:?}"));
    assert!(matching.next().is_none(), "more than one such session among {sessions:?}");
    string(&session["id"])
}

#[tokio::test]
async fn ones_sessions_are_listed_and_one_of_them_is_the_current_one() {
    let user = User::register().await;
    let body = json!({"user": {"email": user.email, "password": PASSWORD}});
    let headers = [("content-type", "application/json"), ("user-agent", "A Phone/1.0")];
    let phone = Api::anonymous().send(Method::POST, "/users/login", &headers, Some(body.to_string().into_bytes())).await;
    let phone = user.api.with_token(&string(&phone.is(200)["user"]["token"]));
    for (viewer, device) in [(&user.api, "magnitude-conformance"), (&phone, "A Phone/1.0")] {
        let listed = sessions(viewer).await;

        assert_eq!(listed.len(), 2, "{listed:?}");
        let mut devices: Vec<_> = listed.iter().map(|session| string(&session["device"])).collect();
        devices.sort_unstable();
        assert_eq!(devices, ["A Phone/1.0", "magnitude-conformance"]);
        for session in &listed {
            assert_eq!(keys(session), ["createdAt", "current", "device", "expiresAt", "id", "lastUsedAt"]);
            assert!(!string(&session["id"]).is_empty(), "{session}");
            assert_eq!(session["current"], session["device"] == device, "{session}");
            for time in ["createdAt", "lastUsedAt", "expiresAt"] {
                assert!(is_timestamp(&session[time]), "{time} of {session}");
            }
            assert!(session["lastUsedAt"].as_str() >= session["createdAt"].as_str(), "{session}");
            assert!(session["expiresAt"].as_str() > session["lastUsedAt"].as_str(), "{session}");
        }
        assert_ne!(listed[0]["id"], listed[1]["id"]);
    }
}

#[tokio::test]
async fn a_revoked_session_is_refused_by_every_instance() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let lost = user.login().await.at(reader);
        lost.get("/user").await.is(200);
        lost.get("/articles/feed").await.is(200);
        let id = id_of(&user, false).await;

        user.at(writer).delete(&format!("/user/sessions/{id}")).await.is_empty();

        lost.get("/user").await.refuses(401, invalid());
        lost.get("/articles/feed").await.refuses(401, invalid());
        assert_eq!(sessions(&user.at(reader)).await.len(), 1);
        let again = user.at(reader).delete(&format!("/user/sessions/{id}")).await;
        again.refuses(404, not_found());
    }
}

#[tokio::test]
async fn the_current_session_can_be_revoked_like_any_other() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let other = user.login().await.at(reader);
        user.at(reader).get("/articles/feed").await.is(200);
        let id = id_of(&user, true).await;

        user.at(writer).delete(&format!("/user/sessions/{id}")).await.is_empty();

        user.at(reader).get("/user").await.refuses(401, invalid());
        user.at(reader).get("/articles/feed").await.refuses(401, invalid());
        let left = sessions(&other).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0]["current"], true);
    }
}

#[tokio::test]
async fn a_logged_out_session_is_no_longer_listed() {
    let user = User::register().await;
    let other = user.login().await;

    user.at(Gate::Instance(0)).post_nothing("/users/logout").await.is_empty();

    assert_eq!(sessions(&other.at(Gate::Instance(1))).await.len(), 1);
}

#[tokio::test]
async fn only_ones_own_sessions_can_be_revoked() {
    let (user, stranger) = (User::register().await, User::register().await);
    let kept = user.login().await;
    let id = id_of(&user, false).await;

    let foreign = stranger.api.delete(&format!("/user/sessions/{id}")).await;
    let anonymous = Api::anonymous().delete(&format!("/user/sessions/{id}")).await;

    foreign.refuses(404, not_found());
    anonymous.refuses(401, json!({"token": ["is missing"]}));
    kept.get("/user").await.is(200);
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let user = User::register().await;
    let own = id_of(&user, true).await;
    let article = user.publish().await;
    let article = article.rsplit('-').next().expect("a slug ends in an id");
    // What cannot be an id, and what is one of something else.
    for unknown in ["nonsense", "0", "-1", "1", &format!("{own}{own}"), &own.to_lowercase(), article, &"z".repeat(300)] {
        if unknown == own {
            continue;
        }
        let answer = user.api.delete(&format!("/user/sessions/{unknown}")).await;

        answer.refuses(404, not_found());
    }
    user.api.get("/user").await.is(200);
}
