//! Writers in each other's way.

use futures_util::{StreamExt, future::join_all, stream};
use magnitude_conformance::{Answer, Api, Gate, PASSWORD, User, json, unique};

use crate::string;

const IN_FLIGHT: usize = 100;

/// Registers all pairs of name and email at once, over all instances.
async fn race(pairs: &[(String, String)]) -> Vec<Answer> {
    let api = Api::anonymous();
    let attempts = pairs.iter().enumerate().map(|(number, (name, email))| {
        let gate = if number % 3 == 0 { Gate::Envoy } else { Gate::Instance(number) };
        let api = api.at(gate);
        async move { User::attempt(&api, name, email).await }
    });
    stream::iter(attempts).buffered(IN_FLIGHT).collect().await
}

/// The place of the one winner; every other answer must blame `field`.
fn winner(answers: &[Answer], field: &str) -> usize {
    let won: Vec<_> = (0..answers.len()).filter(|&place| answers[place].status == 201).collect();
    for (place, answer) in answers.iter().enumerate() {
        if !won.contains(&place) {
            answer.refuses(409, json!({field: ["has already been taken"]}));
        }
    }
    assert_eq!(won.len(), 1, "exactly one registration wins");
    won[0]
}

#[tokio::test]
async fn of_a_thousand_racing_registrations_of_one_name_one_wins() {
    let name = unique("race");
    let pairs: Vec<_> = (0..1_000).map(|n| (name.clone(), format!("{name}-{n}@example.com"))).collect();

    let answers = race(&pairs).await;

    let won = winner(&answers, "username");
    let api = Api::anonymous();
    let login = User::try_login(&api, &pairs[won].1, PASSWORD).await;
    assert_eq!(login.is(200)["user"]["username"], name.as_str());
    // No trace of the others: nobody signs in with their emails, and these are free.
    let losers = (0..pairs.len()).filter(|&place| place != won).step_by(97);
    for place in losers {
        let email = &pairs[place].1;
        let login = User::try_login(&api, email, PASSWORD).await;
        login.refuses(401, json!({"credentials": ["invalid"]}));
        User::attempt(&api, &unique("u"), email).await.is(201);
    }
}

#[tokio::test]
async fn of_racing_registrations_of_one_email_one_wins() {
    let email = format!("{}@example.com", unique("race"));
    let pairs: Vec<_> = (0..100).map(|_| (unique("u"), email.clone())).collect();

    let answers = race(&pairs).await;

    let won = winner(&answers, "email");
    let api = Api::anonymous();
    for place in (0..pairs.len()).filter(|&place| place != won).step_by(17) {
        let name = &pairs[place].0;
        let profile = api.get(&format!("/profiles/{name}")).await;
        profile.refuses(404, json!({"profile": ["not found"]}));
        User::attempt(&api, name, &format!("{name}@example.com")).await.is(201);
    }
}

#[tokio::test]
async fn two_users_cannot_rename_to_one_name() {
    let users = join_all((0..6).map(|_| User::register())).await;
    let name = unique("wanted");

    let change = json!({"user": {"username": name}});
    let renames = users.iter().enumerate().map(|(number, user)| {
        let (api, change) = (user.at(Gate::Instance(number)), &change);
        async move { api.put("/user", change).await }
    });
    let answers = join_all(renames).await;

    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1, "exactly one gets the name");
    for (user, answer) in users.iter().zip(&answers).filter(|(_, answer)| answer.status != 200) {
        answer.refuses(409, json!({"username": ["has already been taken"]}));
        user.api.get(&format!("/profiles/{}", user.name)).await.is(200);
    }
}

#[tokio::test]
async fn racing_favorites_are_all_counted() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);
    let fans = join_all((0..12).map(|_| User::register())).await;

    // Each of them twice, at both instances.
    let favorite = format!("{path}/favorite");
    let favorites = (0..24).map(|number| {
        let (api, favorite) = (fans[number / 2].at(Gate::Instance(number)), &favorite);
        async move { api.post_nothing(favorite).await.is(200)["article"]["favorited"].clone() }
    });
    let flags = join_all(favorites).await;

    assert!(flags.iter().all(|flag| flag == true), "{flags:?}");
    let article = author.api.get(&path).await;
    assert_eq!(article.is(200)["article"]["favoritesCount"], 12);
}

#[tokio::test]
async fn racing_updates_leave_one_of_them_in_whole() {
    let author = User::register().await;
    let path = format!("/articles/{}", author.publish().await);

    let updates = (0..12).map(|number| {
        let (api, path) = (author.at(Gate::Instance(number)), &path);
        let text = number.to_string();
        let change = json!({"article": {"title": text, "description": text, "body": text, "tagList": [text]}});
        async move { api.put(path, &change).await }
    });
    let answers = join_all(updates).await;

    let mut times: Vec<_> = answers.iter().map(|answer| string(&answer.is(200)["article"]["updatedAt"])).collect();
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), 12, "updatedAt grows with each update: {times:?}");
    let last = author.api.get(&path).await;
    let last = &last.is(200)["article"];
    assert_eq!(Some(&string(&last["updatedAt"])), times.last());
    for field in [&last["description"], &last["body"], &last["tagList"][0]] {
        assert_eq!(field, &last["title"], "{last}");
    }
}

#[tokio::test]
async fn racing_comments_all_have_ids_of_their_own() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);

    let comments = (0..24).map(|number| {
        let (api, path) = (author.at(Gate::Instance(number)), &path);
        async move { api.post(path, &json!({"comment": {"body": "c"}})).await.is(201)["comment"]["id"].as_u64() }
    });
    let mut ids = join_all(comments).await;

    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 24);
    let list = author.api.get(&path).await;
    assert_eq!(list.is(200)["comments"].as_array().map(Vec::len), Some(24));
}
