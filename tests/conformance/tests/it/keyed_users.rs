//! `Idempotency-Key` on registration and login.

use futures_util::future::join_all;
use magnitude_conformance::{Answer, Api, Gate, PASSWORD, User, Value, json, unique};

use crate::string;

fn registration(name: &str) -> Value {
    json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": PASSWORD}})
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"user": {"email": email, "password": password}})
}

fn token(answer: &Answer, status: u16) -> String {
    string(&answer.is(status)["user"]["token"])
}

#[tokio::test]
async fn registration_under_one_key_answers_the_same_user_with_a_new_token() {
    let api = Api::anonymous();
    let (key, name) = (unique("key"), unique("u"));
    let body = registration(&name);
    let first = api.post_keyed("/users", &key, &body).await;

    let again = api.post_keyed("/users", &key, &body).await;
    let mut other = body.clone();
    other["user"]["username"] = json!(unique("u"));
    let other = api.post_keyed("/users", &key, &other).await;

    let mut expected = first.is(201).clone();
    expected["user"]["token"] = again.is(201)["user"]["token"].clone();
    assert_eq!(again.json, expected);
    assert_ne!(again.json["user"]["token"], first.json["user"]["token"]);
    for answer in [&first, &again] {
        let token = string(&answer.json["user"]["token"]);
        api.with_token(&token).get("/user").await.is(200);
    }
    other.refuses_somehow(422);
}

#[tokio::test]
async fn login_under_one_key_answers_a_new_token() {
    let user = User::register().await;
    let (key, body) = (unique("key"), json!({"user": {"email": user.email, "password": PASSWORD}}));

    let first = Api::anonymous().post_keyed("/users/login", &key, &body).await;
    let again = Api::anonymous().post_keyed("/users/login", &key, &body).await;

    assert_ne!(first.is(200)["user"]["token"], again.is(200)["user"]["token"]);
}

#[tokio::test]
async fn anonymous_keys_count_per_email() {
    let api = Api::anonymous();
    let key = unique("key");
    for _ in 0..2 {
        let name = unique("u");

        let answer = api.post_keyed("/users", &key, &registration(&name)).await;

        assert_eq!(answer.is(201)["user"]["username"], name.as_str());
    }
}

#[tokio::test]
async fn racing_registrations_under_one_key_make_one_user() {
    let api = Api::anonymous();
    let (key, name) = (unique("key"), unique("u"));
    let body = registration(&name);

    let race = (0..16).map(|number| {
        let (api, key, body) = (api.at(Gate::Instance(number)), &key, &body);
        async move { api.post_keyed("/users", key, body).await }
    });
    let answers = join_all(race).await;

    let (made, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert!(!made.is_empty(), "somebody must win: {}", answers[0]);
    for answer in waiting {
        answer.blames(409, &["idempotencyKey"]);
    }
    let later = api.post_keyed("/users", &key, &body).await;
    let mut tokens: Vec<_> = made.iter().map(|answer| token(answer, 201)).chain([token(&later, 201)]).collect();
    for token in &tokens {
        let mut expected = json!({"user": {"username": name, "email": format!("{name}@example.com"), "bio": null, "image": null}});
        expected["user"]["token"] = json!(token);
        assert_eq!(api.with_token(token).get("/user").await.is(200), &expected);
    }
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), made.len() + 1, "each answer has a token of its own");
    // One user, and not one that lost its names to another: a session of each answer is a session of the same.
    let sessions = api.with_token(&tokens[0]).get("/user/sessions").await;
    assert_eq!(sessions.is(200)["sessions"].as_array().map(Vec::len), Some(tokens.len()));
    api.get(&format!("/profiles/{name}")).await.is(200);
}

#[tokio::test]
async fn a_registration_is_repeated_after_its_user_has_changed() {
    let api = Api::anonymous();
    let (key, name) = (unique("key"), unique("u"));
    let body = registration(&name);
    let first = token(&api.post_keyed("/users", &key, &body).await, 201);
    let renamed = unique("r");
    let change = json!({"user": {"username": renamed, "bio": "b"}});
    api.with_token(&first).put("/user", &change).await.is(200);

    let again = api.post_keyed("/users", &key, &body).await;

    let current = api.with_token(&token(&again, 201)).get("/user").await;
    assert_eq!(current.is(200)["user"]["username"], renamed.as_str());
    // The name that was left is not taken again by the repetition.
    api.get(&format!("/profiles/{name}")).await.refuses(404, json!({"profile": ["not found"]}));
}

#[tokio::test]
async fn a_registration_that_was_refused_may_succeed_under_its_key() {
    let (api, key, name) = (Api::anonymous(), unique("key"), unique("u"));
    let mut bad = registration(&name);
    bad["user"]["password"] = json!("short");
    api.post_keyed("/users", &key, &bad).await.blames(422, &["password"]);

    let made = api.post_keyed("/users", &key, &registration(&name)).await;

    assert_eq!(made.is(201)["user"]["username"], name.as_str());
}

#[tokio::test]
async fn a_login_key_with_another_password_is_refused() {
    let user = User::register().await;
    let (api, key) = (Api::anonymous(), unique("key"));
    let good = credentials(&user.email, PASSWORD);
    api.post_keyed("/users/login", &key, &good).await.is(200);

    let wrong = api.post_keyed("/users/login", &key, &credentials(&user.email, "wrong horse battery")).await;
    let change = json!({"user": {"password": "another horse battery"}});
    user.api.put("/user", &change).await.is(200);
    let new = api.post_keyed("/users/login", &key, &credentials(&user.email, "another horse battery")).await;

    wrong.blames(422, &["idempotencyKey"]);
    new.blames(422, &["idempotencyKey"]);
    let sessions = user.api.get("/user/sessions").await;
    assert_eq!(sessions.is(200)["sessions"].as_array().map(Vec::len), Some(1), "{sessions}");
}

#[tokio::test]
async fn a_login_that_was_refused_may_succeed_under_its_key() {
    let user = User::register().await;
    let (api, key) = (Api::anonymous(), unique("key"));
    api.post_keyed("/users/login", &key, &credentials(&user.email, "")).await.refuses(422, json!({"password": ["can't be blank"]}));

    let answer = api.post_keyed("/users/login", &key, &credentials(&user.email, PASSWORD)).await;

    assert_eq!(answer.is(200)["user"]["username"], user.name.as_str());
}
