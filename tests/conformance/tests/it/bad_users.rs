//! Fields of users that are too long, or hold what no text may hold; nothing is half written.

use magnitude_conformance::{Api, PASSWORD, User, Value, json, unique};

use crate::blank;

/// A registration's body with one field replaced.
fn with(name: &str, field: &str, value: &str) -> Value {
    let mut body = json!({"user": {
        "username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
    }});
    body["user"][field] = json!(value);
    body
}

#[tokio::test]
async fn a_bad_field_is_named_and_leaves_no_trace() {
    let api = Api::anonymous();
    let bad = [
        ("username", "u".repeat(41)),
        ("username", "\u{6f22}".repeat(41)),
        ("username", format!("{}\0", unique("u"))),
        ("email", format!("{}@example.com", "e".repeat(100_000))),
        ("email", "nul\0@example.com".to_owned()),
        ("password", "1234567".to_owned()),
        ("password", "p".repeat(257)),
        ("password", "p".repeat(100_000)),
    ];
    for (field, value) in bad {
        let name = unique("u");

        let answer = api.post("/users", &with(&name, field, &value)).await;

        answer.blames(422, &[field]);
        // Whatever of it was good is still free.
        User::attempt(&api, &name, &format!("{name}@example.com")).await.is(201);
    }
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let api = Api::anonymous();
    let body = json!({"user": {"username": "u".repeat(41), "email": "plain", "password": "short"}});

    let answer = api.post("/users", &body).await;

    answer.blames(422, &["username", "email", "password"]);
}

#[tokio::test]
async fn text_of_white_space_is_blank() {
    let (api, user) = (Api::anonymous(), User::register().await);
    let both = json!({"username": blank(), "email": blank()});
    for white in [" ", " \t\r\n ", "\u{a0}\u{3000}"] {
        let body = json!({"user": {"username": white, "email": white, "password": PASSWORD}});
        api.post("/users", &body).await.refuses(422, both.clone());
        let change = json!({"user": {"username": white, "email": white}});
        user.api.put("/user", &change).await.refuses(422, both.clone());
    }
}

#[tokio::test]
async fn the_longest_fields_are_accepted() {
    let user = User::register().await;
    let name = format!("{}{}", unique("u"), "\u{e9}".repeat(40 - 17));
    let bio = "\u{6f22}".repeat(2_000);

    let change = json!({"user": {"username": name, "bio": bio}});
    let answer = user.api.put("/user", &change).await;

    assert_eq!(answer.is(200)["user"]["username"], name.as_str());
    assert_eq!(answer.json["user"]["bio"], bio.as_str());
    let longest = "p".repeat(256);
    user.api.put("/user", &json!({"user": {"password": longest}})).await.is(200);
    User::try_login(&user.api, &user.email, &longest).await.is(200);
}

#[tokio::test]
async fn a_bad_field_of_an_update_changes_nothing() {
    let user = User::register().await;
    let before = user.api.get("/user").await;
    let bad = [
        ("username", "u".repeat(41)),
        ("username", "nul\0".to_owned()),
        ("email", "plain".to_owned()),
        ("email", "nul\0@example.com".to_owned()),
        ("password", "1234567".to_owned()),
        ("password", "p".repeat(257)),
        ("bio", "b".repeat(2_001)),
        ("bio", "nul\0".to_owned()),
        ("image", "nul\0".to_owned()),
    ];
    for (field, value) in bad {
        let mut change = json!({"user": {"username": unique("half"), "image": "half"}});
        change["user"][field] = json!(value);

        let answer = user.api.put("/user", &change).await;

        answer.blames(422, &[field]);
        assert_eq!(user.api.get("/user").await.is(200), before.is(200));
    }
    User::try_login(&user.api, &user.email, PASSWORD).await.is(200);
}

#[tokio::test]
async fn a_login_with_impossible_text_is_refused() {
    let user = User::register().await;
    let long = "x".repeat(100_000);
    for (email, password) in [("nul\0@example.com", PASSWORD), (&user.email, "nul\0 nul\0 nul\0"), (&long, PASSWORD), (&user.email, &long)]
    {
        let answer = User::try_login(&user.api, email, password).await;

        answer.is_clients_fault();
        assert!([401, 422].contains(&answer.status), "{answer}");
    }
}
