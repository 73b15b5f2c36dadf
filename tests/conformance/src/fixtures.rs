//! Users and articles of a test's own.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Answer, Api, Gate};

pub const PASSWORD: &str = "correct horse battery";

/// `prefix` and 16 random characters: no two tests, copies of the suite or runs meet.
pub fn unique(prefix: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("{prefix}{}", &random[..16])
}

/// A registered user.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub email: String,
    pub token: String,
    /// Signed in, through Envoy.
    pub api: Api,
}

impl User {
    pub async fn register() -> Self {
        let api = Api::anonymous();
        let name = unique("u");
        let email = format!("{name}@example.com");
        let answer = Self::attempt(&api, &name, &email).await;
        let token = text(&answer.is(201)["user"]["token"]);
        Self { api: api.with_token(&token), name, email, token }
    }

    /// A registration with the usual password, whatever comes of it.
    pub async fn attempt(api: &Api, name: &str, email: &str) -> Answer {
        let body = json!({"user": {"username": name, "email": email, "password": PASSWORD}});
        api.post("/users", &body).await
    }

    /// A further session.
    pub async fn login(&self) -> Api {
        let answer = Self::try_login(&self.api, &self.email, PASSWORD).await;
        self.api.with_token(&text(&answer.is(200)["user"]["token"]))
    }

    pub async fn try_login(api: &Api, email: &str, password: &str) -> Answer {
        let body = json!({"user": {"email": email, "password": password}});
        api.without_token().post("/users/login", &body).await
    }

    #[must_use]
    pub fn at(&self, gate: Gate) -> Api {
        self.api.at(gate)
    }

    pub async fn follow(&self, other: &Self) {
        let path = format!("/profiles/{}/follow", other.name);
        self.api.post_nothing(&path).await.is(200);
    }

    /// Publishes an article with a fresh title; its slug.
    pub async fn publish(&self) -> String {
        Draft::new().publish(&self.api).await
    }
}

/// What an article is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    pub title: String,
    pub tags: Vec<String>,
}

impl Draft {
    pub fn new() -> Self {
        Self::titled(&unique("A title "))
    }

    pub fn titled(title: &str) -> Self {
        Self { title: title.to_owned(), tags: Vec::new() }
    }

    #[must_use]
    pub fn tagged(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    pub fn json(&self) -> Value {
        json!({"article": {
            "title": self.title,
            "description": "What it is about",
            "body": "What it says",
            "tagList": self.tags,
        }})
    }

    pub async fn create(&self, api: &Api) -> Answer {
        api.post("/articles", &self.json()).await
    }

    /// Creates the article; its slug.
    pub async fn publish(&self, api: &Api) -> String {
        text(&self.create(api).await.is(201)["article"]["slug"])
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self::new()
    }
}

/// A token of the right form that is nobody's: a live one with one character changed, at a random place.
pub fn unknown_token(live: &str) -> String {
    // Not near the end, where a character may carry bits that no token has.
    let place = rand::random_range(0..live.len() / 2);
    let other = if live[place..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &live[..place], &live[place + 1..])
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}
