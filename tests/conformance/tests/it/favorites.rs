//! Favorites.

use magnitude_conformance::{Api, Draft, Gate, Method, User, json, query};

use crate::{count, slugs, string};

#[tokio::test]
async fn the_answer_already_has_the_new_flag_and_count() {
    for (writer, reader) in Gate::PAIRS {
        let (author, first, second) = (User::register().await, User::register().await, User::register().await);
        let created = Draft::new().tagged(&["a"]).create(&author.api).await;
        let mut expected = created.is(201).clone();
        let path = format!("/articles/{}", string(&expected["article"]["slug"]));
        let favorite = format!("{path}/favorite");
        let steps = [
            (&first, Method::POST, true, 1),
            (&second, Method::POST, true, 2),
            (&first, Method::DELETE, false, 1),
            (&author, Method::POST, true, 2),
            (&second, Method::DELETE, false, 1),
            (&author, Method::DELETE, false, 0),
        ];
        for (user, method, favorited, favorites) in steps {
            Api::anonymous().at(reader).get(&path).await.is(200);

            let answer = user.at(writer).send(method, &favorite, &[], None).await;

            expected["article"]["favorited"] = json!(favorited);
            expected["article"]["favoritesCount"] = json!(favorites);
            assert_eq!(answer.is(200), &expected);
            assert_eq!(user.at(reader).get(&path).await.is(200), &expected);
            let list = query("/articles", &[("favorited", &user.name)]);
            assert_eq!(count(&user.at(reader).get(&list).await), u64::from(favorited));
            let anonymous = Api::anonymous().at(reader).get(&path).await;
            assert_eq!(anonymous.is(200)["article"]["favorited"], false);
            assert_eq!(anonymous.json["article"]["favoritesCount"], favorites);
        }
    }
}

#[tokio::test]
async fn favoriting_is_idempotent() {
    let (author, fan) = (User::register().await, User::register().await);
    let favorite = format!("/articles/{}/favorite", author.publish().await);
    for (method, favorites) in [(Method::DELETE, 0), (Method::POST, 1), (Method::DELETE, 0), (Method::POST, 1)] {
        for gate in [Gate::Instance(0), Gate::Instance(1), Gate::Envoy] {
            let answer = fan.at(gate).send(method.clone(), &favorite, &[], None).await;

            assert_eq!(answer.is(200)["article"]["favoritesCount"], favorites, "{answer}");
            assert_eq!(answer.json["article"]["favorited"], favorites == 1, "{answer}");
        }
    }
    let list = fan.api.get(&query("/articles", &[("favorited", &fan.name)])).await;
    assert_eq!(count(&list), 1);
}

#[tokio::test]
async fn favoriting_takes_no_body_whatever_the_content_type_says() {
    let author = User::register().await;
    let path = format!("/articles/{}/favorite", author.publish().await);
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        for method in [Method::POST, Method::DELETE] {
            let headers = [("content-type", kind)];
            for body in ["", "{", "not json"] {
                let body = Some(body.as_bytes().to_vec());
                author.api.send(method.clone(), &path, &headers, body).await.is(200);
            }
        }
    }
}

#[tokio::test]
async fn favoriting_needs_a_token_and_an_article() {
    let user = User::register().await;
    let path = "/articles/no-such-thing/favorite";

    for method in [Method::POST, Method::DELETE] {
        let anonymous = Api::anonymous().send(method.clone(), path, &[], None).await;
        anonymous.refuses(401, json!({"token": ["is missing"]}));
        let unknown = user.api.send(method, path, &[], None).await;
        unknown.refuses(404, json!({"article": ["not found"]}));
    }
}

#[tokio::test]
async fn the_list_of_favorites_is_newest_article_first() {
    let (author, fan) = (User::register().await, User::register().await);
    let mut expected = Vec::new();
    for _ in 0..4 {
        expected.insert(0, author.publish().await);
    }
    // Favorited in an order of its own: lists are by the articles' age.
    for place in [2, 0, 3, 1] {
        let path = format!("/articles/{}/favorite", expected[place]);
        fan.api.post_nothing(&path).await.is(200);
    }

    let answer = fan.api.get(&query("/articles", &[("favorited", &fan.name)])).await;

    assert_eq!(slugs(&answer), expected);
    assert_eq!(answer.json["articles"][0]["favorited"], true);
}
