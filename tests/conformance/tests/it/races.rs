//! Names that many want at once.

use futures_util::{StreamExt, future::join_all, stream};
use magnitude_conformance::{Answer, Api, Gate, PASSWORD, User, alone, json, unique};

/// Four copies of the suite keep the two instances' pools of 16 twice busy, so that each waits far less than the 2 s it may; and
/// they do not hold the processor so long that Redis seems down, when answers may be old. Within a copy nothing else runs beside them.
const IN_FLIGHT: usize = 16;

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
    let _alone = alone().await;
    let name = unique("race");
    let pairs: Vec<_> = (0..1_000).map(|n| (name.clone(), format!("{name}-{n}@example.com"))).collect();

    let answers = race(&pairs).await;

    let won = winner(&answers, "username");
    let api = Api::anonymous();
    let login = User::try_login(&api, &pairs[won].1, PASSWORD).await;
    assert_eq!(login.is(200)["user"]["username"], name.as_str());
    // No trace of the others: every email is free, and nobody signs in with one.
    let mut emails: Vec<_> = pairs.iter().map(|(_, email)| email.clone()).collect();
    emails.remove(won);
    all_free(&name, &emails).await;
    for email in emails.iter().step_by(199) {
        let login = User::try_login(&api, email, PASSWORD).await;
        login.refuses(401, json!({"credentials": ["invalid"]}));
    }
}

/// Asks for each email together with a name that is taken: the refusal blames everything that cannot be had, and hashes and
/// keeps nothing.
async fn all_free(taken: &str, emails: &[String]) {
    let user = User::register().await;
    let wishes = emails.iter().enumerate().map(|(number, email)| {
        let api = user.at(Gate::Instance(number));
        async move { api.put("/user", &json!({"user": {"username": taken, "email": email}})).await }
    });
    let answers: Vec<_> = stream::iter(wishes).buffered(IN_FLIGHT).collect().await;
    for answer in answers {
        answer.refuses(409, json!({"username": ["has already been taken"]}));
    }
}

#[tokio::test]
async fn of_racing_registrations_of_one_email_one_wins() {
    let _alone = alone().await;
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
