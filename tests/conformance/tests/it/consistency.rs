//! After a write has been answered, the next request of any client through any instance sees it: single things.

use magnitude_conformance::{Api, Draft, Gate, User, json, unique};

use crate::string;

/// Often enough that a cache that is sometimes late is caught.
const ROUNDS: usize = 8;

#[tokio::test]
async fn a_new_user_is_known_everywhere() {
    for (writer, reader) in Gate::PAIRS {
        let api = Api::anonymous();
        let name = unique("u");
        let path = format!("/profiles/{name}");
        // The absence may be remembered: it must be forgotten with the registration.
        api.at(reader).get(&path).await.refuses(404, json!({"profile": ["not found"]}));

        let answer = User::attempt(&api.at(writer), &name, &format!("{name}@example.com")).await;

        let token = string(&answer.is(201)["user"]["token"]);
        assert_eq!(api.at(reader).get(&path).await.is(200)["profile"]["username"], name.as_str());
        assert_eq!(api.with_token(&token).at(reader).get("/user").await.is(200), &answer.json);
        Draft::new().create(&api.with_token(&token).at(reader)).await.is(201);
    }
}

#[tokio::test]
async fn a_changed_user_is_seen_everywhere() {
    for (writer, reader) in Gate::PAIRS {
        let (author, other) = (User::register().await, User::register().await);
        let slug = author.publish().await;
        let comments = format!("/articles/{slug}/comments");
        author.api.post(&comments, &json!({"comment": {"body": "c"}})).await.is(201);
        let read = other.at(reader);
        for round in 0..ROUNDS {
            let bio = format!("bio {round}");

            let change = json!({"user": {"bio": bio}});
            author.at(writer).put("/user", &change).await.is(200);

            assert_eq!(author.at(reader).get("/user").await.is(200)["user"]["bio"], bio.as_str());
            let profile = read.get(&format!("/profiles/{}", author.name)).await;
            assert_eq!(profile.is(200)["profile"]["bio"], bio.as_str());
            let article = read.get(&format!("/articles/{slug}")).await;
            assert_eq!(article.is(200)["article"]["author"]["bio"], bio.as_str());
            let list = read.get(&format!("/articles?author={}", author.name)).await;
            assert_eq!(list.is(200)["articles"][0]["author"]["bio"], bio.as_str());
            let comments = read.get(&comments).await;
            assert_eq!(comments.is(200)["comments"][0]["author"]["bio"], bio.as_str());
        }
    }
}

#[tokio::test]
async fn a_changed_article_is_seen_everywhere() {
    for (writer, reader) in Gate::PAIRS {
        let (author, other) = (User::register().await, User::register().await);
        let path = format!("/articles/{}", author.publish().await);
        let list = format!("/articles?author={}", author.name);
        for round in 0..ROUNDS {
            let text = format!("round {round}");

            let change = json!({"article": {"description": text, "body": text}});
            let answer = author.at(writer).put(&path, &change).await;

            assert_eq!(answer.is(200)["article"]["body"], text.as_str());
            for viewer in [&other.api, &author.api, &Api::anonymous()] {
                assert_eq!(viewer.at(reader).get(&path).await.is(200), &answer.json);
                let entry = &viewer.at(reader).get(&list).await;
                assert_eq!(entry.is(200)["articles"][0]["description"], text.as_str());
                assert_eq!(entry.json["articles"][0]["updatedAt"], answer.json["article"]["updatedAt"]);
            }
        }
    }
}

#[tokio::test]
async fn favorites_are_counted_everywhere_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        let path = format!("/articles/{}", author.publish().await);
        let list = format!("/articles?author={}", author.name);
        let favorite = format!("{path}/favorite");
        for _ in 0..ROUNDS {
            for favorites in [1, 0] {
                let write = fan.at(writer);
                let answer = if favorites == 1 { write.post_nothing(&favorite).await } else { write.delete(&favorite).await };

                assert_eq!(answer.is(200)["article"]["favoritesCount"], favorites);
                let read = fan.at(reader).get(&path).await;
                assert_eq!(read.is(200), &answer.json);
                let anonymous = Api::anonymous().at(reader).get(&list).await;
                assert_eq!(anonymous.is(200)["articles"][0]["favoritesCount"], favorites);
                let own = fan.at(reader).get(&list).await;
                assert_eq!(own.is(200)["articles"][0]["favorited"], favorites == 1);
            }
        }
    }
}

#[tokio::test]
async fn following_is_seen_everywhere_at_once() {
    for (writer, reader) in Gate::PAIRS {
        let (author, fan) = (User::register().await, User::register().await);
        let slug = author.publish().await;
        let profile = format!("/profiles/{}", author.name);
        let follow = format!("{profile}/follow");
        for _ in 0..ROUNDS {
            for following in [true, false] {
                let write = fan.at(writer);
                let answer = if following { write.post_nothing(&follow).await } else { write.delete(&follow).await };

                assert_eq!(answer.is(200)["profile"]["following"], following);
                assert_eq!(fan.at(reader).get(&profile).await.is(200), &answer.json);
                let article = fan.at(reader).get(&format!("/articles/{slug}")).await;
                assert_eq!(article.is(200)["article"]["author"]["following"], following);
                let feed = fan.at(reader).get("/articles/feed").await;
                assert_eq!(feed.is(200)["articlesCount"], u64::from(following));
            }
        }
    }
}
