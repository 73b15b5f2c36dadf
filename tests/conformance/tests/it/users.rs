//! Registration, login and the current user.

use magnitude_conformance::{Api, PASSWORD, User, json, unique};

use crate::{blank, keys};

#[tokio::test]
async fn registration_answers_the_user_and_signs_in() {
    let api = Api::anonymous();
    let name = unique("u");
    let email = format!("{name}@example.com");

    let answer = User::attempt(&api, &name, &email).await;

    let user = &answer.is(201)["user"];
    assert_eq!(keys(user), ["bio", "email", "image", "token", "username"]);
    let token = user["token"].as_str().expect("the token is text");
    assert_eq!(user, &json!({"username": name, "email": email, "token": token, "bio": null, "image": null}));
    assert_eq!(api.with_token(token).get("/user").await.is(200), &answer.json);
}

#[tokio::test]
async fn login_answers_a_new_token_beside_the_old_one() {
    let user = User::register().await;

    let answer = User::try_login(&user.api, &user.email, PASSWORD).await;

    let token = answer.is(200)["user"]["token"].as_str().expect("the token is text");
    assert_ne!(token, user.token, "each session has a token of its own");
    let current = user.api.with_token(token).get("/user").await;
    assert_eq!(current.is(200), &answer.json, "the same token comes back");
    let first = user.api.get("/user").await;
    assert_eq!(first.is(200)["user"]["token"], user.token.as_str());
}

#[tokio::test]
async fn a_wrong_pair_is_refused_without_telling_which_half_is_wrong() {
    let user = User::register().await;
    let refusal = json!({"credentials": ["invalid"]});

    let wrong_password = User::try_login(&user.api, &user.email, "wrong horse battery").await;
    let nobody = User::try_login(&user.api, &format!("{}@example.com", unique("n")), PASSWORD).await;

    wrong_password.refuses(401, refusal.clone());
    nobody.refuses(401, refusal);
}

#[tokio::test]
async fn registration_names_every_missing_field_at_once() {
    let api = Api::anonymous();
    let all = json!({"username": blank(), "email": blank(), "password": blank()});

    let missing = api.post("/users", &json!({"user": {}})).await;
    let empty = json!({"user": {"username": "", "email": "", "password": ""}});
    let empty = api.post("/users", &empty).await;
    let null = json!({"user": {"username": null, "email": null, "password": null}});
    let null = api.post("/users", &null).await;

    missing.refuses(422, all.clone());
    empty.refuses(422, all.clone());
    null.refuses(422, all);
}

#[tokio::test]
async fn login_names_every_missing_field_at_once() {
    let api = Api::anonymous();
    let all = json!({"email": blank(), "password": blank()});

    let missing = api.post("/users/login", &json!({"user": {}})).await;
    let empty = json!({"user": {"email": "", "password": ""}});
    let empty = api.post("/users/login", &empty).await;

    missing.refuses(422, all.clone());
    empty.refuses(422, all);
}

#[tokio::test]
async fn a_taken_username_is_refused() {
    let user = User::register().await;
    let email = format!("{}@example.com", unique("e"));

    let answer = User::attempt(&Api::anonymous(), &user.name, &email).await;

    answer.refuses(409, json!({"username": ["has already been taken"]}));
    User::try_login(&user.api, &email, PASSWORD).await.refuses(401, json!({"credentials": ["invalid"]}));
    let retry = User::attempt(&Api::anonymous(), &unique("u"), &email).await;
    retry.is(201);
}

#[tokio::test]
async fn a_taken_email_is_refused_and_leaves_the_username_free() {
    let user = User::register().await;
    let name = unique("u");

    let answer = User::attempt(&Api::anonymous(), &name, &user.email).await;

    answer.refuses(409, json!({"email": ["has already been taken"]}));
    let email = format!("{name}@example.com");
    User::attempt(&Api::anonymous(), &name, &email).await.is(201);
}

#[tokio::test]
async fn an_email_differs_from_another_by_more_than_its_case() {
    let user = User::register().await;
    let shouted = user.email.to_uppercase();

    let again = User::attempt(&Api::anonymous(), &unique("u"), &shouted).await;
    let login = User::try_login(&user.api, &shouted, PASSWORD).await;

    again.refuses(409, json!({"email": ["has already been taken"]}));
    assert_eq!(login.is(200)["user"]["username"], user.name.as_str());
}

#[tokio::test]
async fn one_name_in_two_unicode_spellings_is_one_name() {
    let api = Api::anonymous();
    let stem = unique("n");
    let (composed, decomposed) = (format!("{stem}\u{e9}"), format!("{stem}e\u{301}"));
    User::attempt(&api, &composed, &format!("{stem}@example.com")).await.is(201);

    let answer = User::attempt(&api, &decomposed, &format!("{stem}2@example.com")).await;

    answer.refuses(409, json!({"username": ["has already been taken"]}));
}

#[tokio::test]
async fn the_current_user_needs_a_token() {
    let api = Api::anonymous();

    let missing = api.get("/user").await;
    let unknown = api.with_token("bm90IGEgdG9rZW4").get("/user").await;

    missing.refuses(401, json!({"token": ["is missing"]}));
    unknown.refuses(401, json!({"token": ["is invalid"]}));
}

#[tokio::test]
async fn passwords_have_a_length_and_no_other_rule() {
    let api = Api::anonymous();
    for password in ["aaaaaaaa".to_owned(), "a".repeat(64), "p\u{e4}ssw\u{f6}rd \u{1f511}".to_owned()] {
        let name = unique("u");
        let email = format!("{name}@example.com");
        let body = json!({"user": {"username": name, "email": email, "password": password}});
        api.post("/users", &body).await.is(201);
        User::try_login(&api, &email, &password).await.is(200);
    }
}
