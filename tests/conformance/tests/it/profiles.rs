//! Profiles and following.

use magnitude_conformance::{Api, Gate, Method, User, json, segment, unique};

use crate::keys;

#[tokio::test]
async fn a_profile_shows_what_its_user_told() {
    let user = User::register().await;
    let told = json!({"user": {"bio": "I write", "image": "https://example.com/me.png"}});
    user.api.put("/user", &told).await.is(200);

    let answer = Api::anonymous().get(&format!("/profiles/{}", user.name)).await;

    let expected = json!({"profile": {
        "username": user.name, "bio": "I write", "image": "https://example.com/me.png", "following": false,
    }});
    assert_eq!(answer.is(200), &expected);
}

#[tokio::test]
async fn a_name_of_any_script_has_a_profile_and_followers() {
    let (api, fan) = (Api::anonymous(), User::register().await);
    for suffix in ["\u{6f22}\u{5b57}", " with space", "/%2e?#", "\u{1f600}"] {
        let name = format!("{}{suffix}", unique("u"));
        let email = format!("{}@example.com", unique("e"));
        User::attempt(&api, &name, &email).await.is(201);

        let profile = format!("/profiles/{}", segment(&name));
        for gate in [Gate::Instance(0), Gate::Envoy] {
            let mut expected = json!({"profile": {"username": name, "bio": null, "image": null, "following": false}});
            assert_eq!(api.at(gate).get(&profile).await.is(200), &expected);
            let follow = format!("{profile}/follow");

            let followed = fan.at(gate).post_nothing(&follow).await;
            let unfollowed = fan.at(gate).delete(&follow).await;

            assert_eq!(unfollowed.is(200), &expected);
            expected["profile"]["following"] = json!(true);
            assert_eq!(followed.is(200), &expected);
        }
    }
}

#[tokio::test]
async fn an_unknown_profile_is_not_found() {
    let user = User::register().await;
    let path = format!("/profiles/{}", unique("nobody"));
    let refusal = json!({"profile": ["not found"]});

    user.api.get(&path).await.refuses(404, refusal.clone());
    user.api.without_token().get(&path).await.refuses(404, refusal.clone());
    let follow = format!("{path}/follow");
    user.api.post_nothing(&follow).await.refuses(404, refusal.clone());
    user.api.delete(&follow).await.refuses(404, refusal);
}

#[tokio::test]
async fn following_shows_to_the_follower_alone() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan, other) = (User::register().await, User::register().await, User::register().await);
        let slug = author.publish().await;
        let profile = format!("/profiles/{}", author.name);
        let before = fan.at(reader).get(&profile).await;
        assert_eq!(before.is(200)["profile"]["following"], false);

        let answer = fan.at(writer).post_nothing(&format!("{profile}/follow")).await;

        let mut expected = before.json.clone();
        expected["profile"]["following"] = json!(true);
        assert_eq!(answer.is(200), &expected);
        assert_eq!(fan.at(reader).get(&profile).await.is(200), &expected);
        let article = fan.at(reader).get(&format!("/articles/{slug}")).await;
        assert_eq!(article.is(200)["article"]["author"], expected["profile"]);
        assert_eq!(other.at(reader).get(&profile).await.is(200), &before.json);
        assert_eq!(author.at(reader).get(&profile).await.is(200), &before.json);
        assert_eq!(Api::anonymous().at(reader).get(&profile).await.is(200), &before.json);
    }
}

#[tokio::test]
async fn following_and_unfollowing_are_idempotent() {
    let (author, fan) = (User::register().await, User::register().await);
    let path = format!("/profiles/{}/follow", author.name);
    for (method, following) in [(Method::POST, true), (Method::DELETE, false), (Method::POST, true)] {
        for gate in [Gate::Instance(0), Gate::Instance(1), Gate::Envoy] {
            let answer = fan.at(gate).send(method.clone(), &path, &[], None).await;

            assert_eq!(keys(&answer.is(200)["profile"]), ["bio", "following", "image", "username"]);
            assert_eq!(answer.json["profile"]["following"], following, "{answer}");
            let read = fan.api.get(&format!("/profiles/{}", author.name)).await;
            assert_eq!(read.is(200), &answer.json);
        }
    }
}

#[tokio::test]
async fn following_takes_no_body_whatever_the_content_type_says() {
    let (author, fan) = (User::register().await, User::register().await);
    let path = format!("/profiles/{}/follow", author.name);
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
        for method in [Method::POST, Method::DELETE] {
            let headers = [("content-type", kind)];
            for body in ["", "{", "not json"] {
                let body = Some(body.as_bytes().to_vec());
                fan.api.send(method.clone(), &path, &headers, body).await.is(200);
            }
        }
    }
}

#[tokio::test]
async fn nobody_follows_oneself() {
    let user = User::register().await;
    let path = format!("/profiles/{}/follow", user.name);
    let refusal = json!({"username": ["must not be your own"]});

    user.api.post_nothing(&path).await.refuses(422, refusal.clone());
    user.api.delete(&path).await.refuses(422, refusal);
    let profile = user.api.get(&format!("/profiles/{}", user.name)).await;
    assert_eq!(profile.is(200)["profile"]["following"], false);
}

#[tokio::test]
async fn following_needs_a_token_before_anything_else() {
    let api = Api::anonymous();
    let path = format!("/profiles/{}/follow", unique("nobody"));

    api.post_nothing(&path).await.refuses(401, json!({"token": ["is missing"]}));
    api.with_token("x").delete(&path).await.refuses(401, json!({"token": ["is invalid"]}));
}
