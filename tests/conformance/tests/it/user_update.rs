//! PUT /user: a subset of the fields, the names' uniqueness, and what follows from a change.

use magnitude_conformance::{Api, Gate, PASSWORD, User, json, query, unique};

use crate::{blank, count, slugs};

#[tokio::test]
async fn an_absent_field_stays_as_it_is() {
    let user = User::register().await;
    let change = json!({"user": {"bio": "I write", "image": "https://example.com/i.png"}});
    user.api.put("/user", &change).await.is(200);

    let nothing = user.api.put("/user", &json!({"user": {}})).await;
    let bio = user.api.put("/user", &json!({"user": {"bio": "I wrote"}})).await;

    let mut expected = json!({"user": {
        "username": user.name, "email": user.email, "token": user.token,
        "bio": "I write", "image": "https://example.com/i.png",
    }});
    assert_eq!(nothing.is(200), &expected);
    expected["user"]["bio"] = json!("I wrote");
    assert_eq!(bio.is(200), &expected);
    assert_eq!(user.api.get("/user").await.is(200), &expected);
}

#[tokio::test]
async fn bio_and_image_are_cleared_by_null_and_by_empty_text() {
    let user = User::register().await;
    for nothing in [json!(null), json!("")] {
        let set = json!({"user": {"bio": "b", "image": "i"}});
        let answer = user.api.put("/user", &set).await;
        assert_eq!(answer.is(200)["user"]["bio"], "b");

        let answer = user.api.put("/user", &json!({"user": {"bio": nothing, "image": nothing}})).await;

        assert_eq!(answer.is(200)["user"]["bio"], json!(null));
        assert_eq!(answer.json["user"]["image"], json!(null));
        let profile = user.api.get(&format!("/profiles/{}", user.name)).await;
        assert_eq!(profile.is(200)["profile"]["bio"], json!(null));
        assert_eq!(profile.json["profile"]["image"], json!(null));
    }
}

#[tokio::test]
async fn the_image_comes_back_byte_for_byte() {
    let user = User::register().await;
    let image = "HTTPS://Example.COM:443/a/../b%2f%2F?q=\u{fc} x&y=\"<>\"#\u{1f600}";

    let answer = user.api.put("/user", &json!({"user": {"image": image}})).await;

    assert_eq!(answer.is(200)["user"]["image"], image);
    let slug = user.publish().await;
    let article = user.api.get(&format!("/articles/{slug}")).await;
    assert_eq!(article.is(200)["article"]["author"]["image"], image);
}

#[tokio::test]
async fn what_a_user_needs_cannot_be_emptied() {
    let user = User::register().await;
    let all = json!({"username": blank(), "email": blank(), "password": blank()});

    let empty = json!({"user": {"username": "", "email": "", "password": ""}});
    let empty = user.api.put("/user", &empty).await;
    let null = json!({"user": {"username": null, "email": null, "password": null}});
    let null = user.api.put("/user", &null).await;

    empty.refuses(422, all);
    null.blames(422, &["username", "email", "password"]);
    let current = user.api.get("/user").await;
    assert_eq!(current.is(200)["user"]["username"], user.name.as_str());
}

#[tokio::test]
async fn a_taken_name_or_email_is_refused_and_nothing_changes() {
    let (user, other) = (User::register().await, User::register().await);

    let name = json!({"user": {"username": other.name, "bio": "half"}});
    let name = user.api.put("/user", &name).await;
    let email = json!({"user": {"email": other.email, "bio": "half"}});
    let email = user.api.put("/user", &email).await;

    name.refuses(409, json!({"username": ["has already been taken"]}));
    email.refuses(409, json!({"email": ["has already been taken"]}));
    let current = user.api.get("/user").await;
    assert_eq!(current.is(200)["user"]["bio"], json!(null));
    assert_eq!(current.json["user"]["email"], user.email.as_str());
    User::try_login(&other.api, &other.email, PASSWORD).await.is(200);
}

#[tokio::test]
async fn ones_own_name_and_email_are_not_taken() {
    let user = User::register().await;

    let same = json!({"user": {"username": user.name, "email": user.email}});
    let answer = user.api.put("/user", &same).await;

    assert_eq!(answer.is(200)["user"]["username"], user.name.as_str());
}

#[tokio::test]
async fn a_new_name_is_known_everywhere_and_the_old_one_is_free() {
    for (writer, reader) in Gate::PAIRS {
        let (author, other) = (User::register().await, User::register().await);
        let slug = author.publish().await;
        let (article, by_name) = (format!("/articles/{slug}"), |name: &str| query("/articles", &[("author", name)]));
        let read = other.at(reader);
        read.get(&article).await.is(200);
        read.get(&format!("/profiles/{}", author.name)).await.is(200);
        let name = unique("r");

        let change = json!({"user": {"username": name}});
        author.at(writer).put("/user", &change).await.is(200);

        let found = read.get(&article).await;
        assert_eq!(found.is(200)["article"]["author"]["username"], name.as_str());
        assert_eq!(slugs(&read.get(&by_name(&name)).await), [slug]);
        assert_eq!(count(&read.get(&by_name(&author.name)).await), 0);
        read.get(&format!("/profiles/{name}")).await.is(200);
        read.get(&format!("/profiles/{}", author.name)).await.refuses(404, json!({"profile": ["not found"]}));
        let email = format!("{}@example.com", unique("e"));
        User::attempt(&read.without_token(), &author.name, &email).await.is(201);
    }
}

#[tokio::test]
async fn a_new_email_signs_in_and_the_old_one_is_free() {
    let user = User::register().await;
    let email = format!("{}@example.com", unique("e"));

    let answer = user.api.put("/user", &json!({"user": {"email": email}})).await;

    assert_eq!(answer.is(200)["user"]["email"], email.as_str());
    User::try_login(&user.api, &email, PASSWORD).await.is(200);
    User::try_login(&user.api, &user.email, PASSWORD).await.refuses(401, json!({"credentials": ["invalid"]}));
    User::attempt(&Api::anonymous(), &unique("u"), &user.email).await.is(201);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_keeps_the_calling_one() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let other = user.login().await.at(reader);
        other.get("/user").await.is(200);
        other.get("/articles/feed").await.is(200);

        let change = json!({"user": {"password": "another horse battery"}});
        let answer = user.at(writer).put("/user", &change).await;

        assert_eq!(answer.is(200)["user"]["token"], user.token.as_str());
        let invalid = json!({"token": ["is invalid"]});
        other.get("/user").await.refuses(401, invalid.clone());
        other.get("/articles/feed").await.refuses(401, invalid);
        user.at(reader).get("/articles/feed").await.is(200);
        User::try_login(&user.api, &user.email, PASSWORD).await.refuses(401, json!({"credentials": ["invalid"]}));
        User::try_login(&user.api, &user.email, "another horse battery").await.is(200);
    }
}

#[tokio::test]
async fn the_current_user_cannot_be_changed_without_a_token() {
    let api = Api::anonymous();

    let answer = api.put("/user", &json!({"user": {"bio": "x"}})).await;

    answer.refuses(401, json!({"token": ["is missing"]}));
}
