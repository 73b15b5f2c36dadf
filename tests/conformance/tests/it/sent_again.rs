//! What the load balancer sends to another instance once more, since the first one died: it is done once, and answered.

use std::time::Duration;

use magnitude_conformance::{Answer, Api, Draft, Gate, Method, PASSWORD, User, Value, json, query, unique};

use crate::{count, string};

/// One write, as it comes to an instance and then, when that has died, to another one.
struct Sent<'a> {
    api: &'a Api,
    method: Method,
    path: &'a str,
    body: Option<Value>,
    number: String,
}

impl<'a> Sent<'a> {
    fn new(api: &'a Api, method: Method, path: &'a str) -> Self {
        Self { api, method, path, body: None, number: unique("r") }
    }

    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    async fn first(&self) -> Answer {
        self.come_to(Gate::Instance(0), "0").await
    }

    async fn again(&self) -> Answer {
        self.come_to(Gate::Instance(1), "317").await
    }

    async fn come_to(&self, gate: Gate, sent_before: &str) -> Answer {
        let headers = [("x-request-id", self.number.as_str()), ("x-sent-before", sent_before), ("content-type", "application/json")];
        let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
        self.api.at(gate).send(self.method.clone(), self.path, &headers, body).await
    }
}

async fn articles_of(user: &User) -> u64 {
    count(&user.api.get(&query("/articles", &[("author", &user.name)])).await)
}

#[tokio::test]
async fn a_registration_is_made_once() {
    let (api, name) = (Api::anonymous(), unique("u"));
    let body = json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": PASSWORD}});
    let sent = Sent::new(&api, Method::POST, "/users").with(body);

    let (first, again) = (sent.first().await, sent.again().await);

    first.is(201);
    for field in ["username", "email", "bio", "image"] {
        assert_eq!(again.is(201)["user"][field], first.json["user"][field]);
    }
    let api = api.with_token(&string(&again.json["user"]["token"]));
    assert_eq!(api.get("/user").await.is(200)["user"]["username"], name.as_str());
}

#[tokio::test]
async fn a_login_and_a_logout_are_answered() {
    let user = User::register().await;
    let login = Sent::new(&user.api, Method::POST, "/users/login").with(json!({"user": {"email": user.email, "password": PASSWORD}}));
    login.first().await.is(200);
    let session = user.api.with_token(&string(&login.again().await.is(200)["user"]["token"]));
    let logout = Sent::new(&session, Method::POST, "/users/logout");

    logout.first().await.is_empty();
    logout.again().await.is_empty();

    session.get("/user").await.refuses_somehow(401);
    user.api.get("/user").await.is(200);
}

#[tokio::test]
async fn a_session_is_revoked_once() {
    let user = User::register().await;
    let (kept, revoked) = (user.login().await, &user.api);
    let listed = revoked.get("/user/sessions").await;
    let own = listed.is(200)["sessions"].as_array().into_iter().flatten().find(|session| session["current"] == true).cloned();
    let path = format!("/user/sessions/{}", string(&own.unwrap_or_default()["id"]));
    let sent = Sent::new(&kept, Method::DELETE, &path);

    sent.first().await.is_empty();
    sent.again().await.is_empty();

    revoked.get("/user").await.refuses_somehow(401);
    kept.delete(&path).await.refuses_somehow(404);
}

/// Somebody changes it in between, and that stays.
#[tokio::test]
async fn an_update_of_a_user_is_made_once() {
    let user = User::register().await;
    let (name, email) = (unique("u"), format!("{}@example.com", unique("e")));
    let sent = Sent::new(&user.api, Method::PUT, "/user").with(json!({"user": {"username": name, "email": email, "bio": "mine"}}));

    let first = sent.first().await;
    assert_eq!(sent.again().await.is(200), first.is(200));

    user.api.put("/user", &json!({"user": {"bio": "newer"}})).await.is(200);
    assert_eq!(sent.again().await.is(200)["user"]["bio"], "newer");
    let shown = Api::anonymous().get(&format!("/profiles/{name}")).await;
    assert_eq!(shown.is(200)["profile"]["bio"], "newer");
    Api::anonymous().get(&format!("/profiles/{}", user.name)).await.refuses_somehow(404);
}

#[tokio::test]
async fn a_follow_and_its_end_are_made_once() {
    let (user, other) = (User::register().await, User::register().await);
    let path = format!("/profiles/{}/follow", other.name);
    let (follow, end) = (Sent::new(&user.api, Method::POST, &path), Sent::new(&user.api, Method::DELETE, &path));
    let following = async || user.api.get(&format!("/profiles/{}", other.name)).await.is(200)["profile"]["following"].clone();

    follow.first().await.is(200);
    assert_eq!(follow.again().await.is(200)["profile"]["following"], true);
    end.first().await.is(200);
    assert_eq!(end.again().await.is(200)["profile"]["following"], false);
    assert_eq!(following().await, false);
    // It was ended since, and stays so.
    follow.again().await.is(200);
    assert_eq!(following().await, false);
}

#[tokio::test]
async fn an_article_is_made_changed_and_deleted_once() {
    let author = User::register().await;
    let made = Sent::new(&author.api, Method::POST, "/articles").with(Draft::new().tagged(&["a"]).json());
    let first = made.first().await;
    assert_eq!(made.again().await.is(201), first.is(201));
    assert_eq!(articles_of(&author).await, 1);

    let path = format!("/articles/{}", string(&first.json["article"]["slug"]));
    let changed = Sent::new(&author.api, Method::PUT, &path).with(json!({"article": {"body": "changed", "tagList": ["b"]}}));
    let first = changed.first().await;
    assert_eq!(changed.again().await.is(200), first.is(200));
    author.api.put(&path, &json!({"article": {"body": "newer"}})).await.is(200);
    assert_eq!(changed.again().await.is(200)["article"]["body"], "newer");
    assert_eq!(author.at(Gate::Envoy).get(&path).await.is(200)["article"]["body"], "newer");

    let deleted = Sent::new(&author.api, Method::DELETE, &path);
    deleted.first().await.is_empty();
    deleted.again().await.is_empty();
    author.api.delete(&path).await.refuses_somehow(404);
    assert_eq!(articles_of(&author).await, 0);
}

#[tokio::test]
async fn a_favorite_and_its_end_are_made_once() {
    let user = User::register().await;
    let article = format!("/articles/{}", User::register().await.publish().await);
    let path = format!("{article}/favorite");
    let (on, off) = (Sent::new(&user.api, Method::POST, &path), Sent::new(&user.api, Method::DELETE, &path));
    let seen = |answer: &Answer| (answer.is(200)["article"]["favorited"].clone(), answer.json["article"]["favoritesCount"].clone());

    assert_eq!(seen(&on.first().await), (json!(true), json!(1)));
    assert_eq!(seen(&on.again().await), (json!(true), json!(1)));
    assert_eq!(seen(&off.first().await), (json!(false), json!(0)));
    assert_eq!(seen(&off.again().await), (json!(false), json!(0)));
    // It was taken back since, and stays so.
    assert_eq!(seen(&on.again().await), (json!(false), json!(0)));
    assert_eq!(seen(&user.api.get(&article).await), (json!(false), json!(0)));
}

#[tokio::test]
async fn a_comment_is_made_and_deleted_once() {
    let author = User::register().await;
    let path = format!("/articles/{}/comments", author.publish().await);
    let made = Sent::new(&author.api, Method::POST, &path).with(json!({"comment": {"body": "once"}}));
    let first = made.first().await;
    assert_eq!(made.again().await.is(201), first.is(201));
    assert_eq!(author.api.get(&path).await.is(200), &json!({"comments": [first.json["comment"]]}));

    let comment = format!("{path}/{}", first.json["comment"]["id"]);
    let deleted = Sent::new(&author.api, Method::DELETE, &comment);
    deleted.first().await.is_empty();
    deleted.again().await.is_empty();
    author.api.delete(&comment).await.refuses_somehow(404);
}

/// What comes in between was not there when the user said so.
#[tokio::test]
async fn notifications_are_read_once() {
    let (user, other) = (User::register().await, User::register().await);
    let sent = Sent::new(&user.api, Method::POST, "/notifications/read").with(json!({"all": true}));
    sent.first().await.is_empty();
    other.follow(&user).await;
    user.api.once("/notifications", Duration::from_secs(30), |answer| answer.json["unread"] == 1).await;

    sent.again().await.is_empty();

    assert_eq!(user.api.get("/notifications").await.is(200)["unread"], 1);
}

#[tokio::test]
async fn an_upload_is_made_once() {
    let user = User::register().await;
    let number = unique("r");
    let upload = async |gate, sent_before| {
        let headers = [("x-request-id", number.as_str()), ("x-sent-before", sent_before)];
        user.at(gate).send(Method::POST, "/media", &headers, Some(crate::media::GIF.to_vec())).await
    };

    let (first, again) = (upload(Gate::Instance(0), "0").await, upload(Gate::Instance(1), "317").await);

    assert_eq!(again.is(201), first.is(201));
}

/// A write that is not above would be done twice when its instance dies.
#[tokio::test]
async fn every_write_of_the_description_is_known_here() {
    const KNOWN: [(&str, &str); 16] = [
        ("post", "/users"),
        ("post", "/users/login"),
        ("post", "/users/logout"),
        ("put", "/user"),
        ("delete", "/user/sessions/{id}"),
        ("post", "/profiles/{username}/follow"),
        ("delete", "/profiles/{username}/follow"),
        ("post", "/notifications/read"),
        ("post", "/media"),
        ("post", "/articles"),
        ("put", "/articles/{slug}"),
        ("delete", "/articles/{slug}"),
        ("post", "/articles/{slug}/favorite"),
        ("delete", "/articles/{slug}/favorite"),
        ("post", "/articles/{slug}/comments"),
        ("delete", "/articles/{slug}/comments/{id}"),
    ];
    let answer = Api::anonymous().get("/openapi.json").await;
    let paths = answer.json["paths"].as_object().unwrap_or_else(|| panic!("no paths in\n{answer}"));
    let mut writes = 0;
    for (path, methods) in paths {
        let path = path.trim_start_matches("/api");
        for method in methods.as_object().into_iter().flatten().map(|(method, _)| method.as_str()) {
            if ["post", "put", "delete", "patch"].contains(&method) {
                assert!(KNOWN.contains(&(method, path)), "{method} {path} is sent again by the load balancer: is it done once?");
                writes += 1;
            }
        }
    }
    assert_eq!(writes, KNOWN.len());
}

/// Who does not come by the load balancer says nothing of that kind.
#[tokio::test]
async fn a_client_cannot_say_that_it_is_sent_again() {
    let author = User::register().await;
    let headers = [("x-request-id", "mine"), ("x-sent-before", "317"), ("content-type", "application/json")];
    for _ in 0..2 {
        let body = Draft::new().json().to_string().into_bytes();
        author.at(Gate::Envoy).send(Method::POST, "/articles", &headers, Some(body)).await.is(201);
    }
    assert_eq!(articles_of(&author).await, 2);
}
