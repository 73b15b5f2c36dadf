//! Names and emails that change hands.

use magnitude_conformance::{Api, Gate, PASSWORD, User, Value, json, query, unique};

use crate::string;

fn taken(fields: &[&str]) -> Value {
    fields.iter().map(|&field| (field.to_owned(), json!(["has already been taken"]))).collect()
}

async fn rename(user: &User, gate: Gate, name: &str) {
    user.at(gate).put("/user", &json!({"user": {"username": name}})).await.is(200);
}

#[tokio::test]
async fn a_name_and_an_email_that_are_both_taken_are_both_named() {
    let (user, other) = (User::register().await, User::register().await);
    let both = json!({"user": {"username": other.name, "email": user.email}});

    let register = User::attempt(&Api::anonymous(), &other.name, &user.email).await;
    let update = User::register().await.api.put("/user", &both).await;

    register.refuses(409, taken(&["username", "email"]));
    update.refuses(409, taken(&["username", "email"]));
}

#[tokio::test]
async fn a_name_that_was_left_shows_its_new_holder_everywhere() {
    for (writer, reader) in Gate::PAIRS {
        let (first, read) = (User::register().await, Api::anonymous().at(reader));
        let slug = first.publish().await;
        let profile = format!("/profiles/{}", first.name);
        let by_name = query("/articles", &[("author", &first.name)]);
        read.get(&profile).await.is(200);
        read.get(&by_name).await.is(200);
        rename(&first, writer, &unique("r")).await;

        let answer = User::attempt(&first.api.without_token().at(writer), &first.name, &format!("{}@example.com", unique("e"))).await;

        let second = first.api.with_token(&string(&answer.is(201)["user"]["token"]));
        second.at(writer).put("/user", &json!({"user": {"bio": "the second"}})).await.is(200);
        assert_eq!(read.get(&profile).await.is(200)["profile"]["bio"], "the second");
        assert_eq!(read.get(&by_name).await.is(200), &json!({"articles": [], "articlesCount": 0}));
        let article = read.get(&format!("/articles/{slug}")).await;
        assert_ne!(article.is(200)["article"]["author"]["username"], first.name.as_str());
    }
}

#[tokio::test]
async fn a_name_can_be_taken_back() {
    for (writer, reader) in Gate::PAIRS {
        let (user, read) = (User::register().await, Api::anonymous().at(reader));
        let (one, two) = (user.name.clone(), unique("two"));
        let slug = user.publish().await;
        for (old, new) in [(&one, &two), (&two, &one), (&one, &two), (&two, &one)] {
            rename(&user, writer, new).await;

            read.get(&format!("/profiles/{new}")).await.is(200);
            read.get(&format!("/profiles/{old}")).await.refuses(404, json!({"profile": ["not found"]}));
            let list = read.get(&query("/articles", &[("author", new)])).await;
            assert_eq!(crate::slugs(&list), [slug.as_str()]);
            let list = read.get(&query("/articles", &[("author", old)])).await;
            assert_eq!(crate::count(&list), 0);
        }
    }
}

#[tokio::test]
async fn names_can_be_swapped_through_a_third() {
    let (first, second) = (User::register().await, User::register().await);
    let third = unique("third");

    rename(&first, Gate::Instance(0), &third).await;
    rename(&second, Gate::Instance(1), &first.name).await;
    rename(&first, Gate::Instance(0), &second.name).await;

    for gate in [Gate::Instance(0), Gate::Instance(1)] {
        for (user, name) in [(&first, &second.name), (&second, &first.name)] {
            assert_eq!(user.at(gate).get("/user").await.is(200)["user"]["username"], name.as_str());
            user.at(gate).get(&format!("/profiles/{name}")).await.is(200);
        }
        first.at(gate).get(&format!("/profiles/{third}")).await.refuses(404, json!({"profile": ["not found"]}));
    }
}

#[tokio::test]
async fn a_new_email_or_password_signs_in_everywhere_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let user = User::register().await;
        let (email, password) = (format!("{}@example.com", unique("e")), "another horse battery");
        let (api, refusal) = (Api::anonymous().at(reader), json!({"credentials": ["invalid"]}));
        User::try_login(&api, &user.email, PASSWORD).await.is(200);

        user.at(writer).put("/user", &json!({"user": {"email": email}})).await.is(200);
        let answer = User::try_login(&api, &email, PASSWORD).await;
        assert_eq!(answer.is(200)["user"]["email"], email.as_str());
        User::try_login(&api, &user.email, PASSWORD).await.refuses(401, refusal.clone());

        user.at(writer).put("/user", &json!({"user": {"password": password}})).await.is(200);
        User::try_login(&api, &email, password).await.is(200);
        User::try_login(&api, &email, PASSWORD).await.refuses(401, refusal);
    }
}
