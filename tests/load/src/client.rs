//! Requests to the public API, repeated where that is safe.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// With the growing pause this outlasts a restart of a service, not an outage.
const ATTEMPTS: u32 = 6;

pub fn http() -> anyhow::Result<Client> {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).pool_idle_timeout(Duration::from_secs(2));
    client.build().context("the HTTP client cannot be made")
}

/// A POST that counts once however often it is sent: the key stays the same over the attempts.
pub async fn post(http: &Client, url: &str, token: Option<&str>, body: &Value) -> anyhow::Result<Value> {
    let key = Uuid::new_v4().to_string();
    let mut last = anyhow!("never sent");
    for attempt in 0..ATTEMPTS {
        tokio::time::sleep(Duration::from_millis(200) * attempt).await;
        let mut request = http.post(url).header("idempotency-key", &key).json(body);
        if let Some(token) = token {
            request = request.header("authorization", format!("Token {token}"));
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return answer.json().await.context("an answer that is not JSON"),
            Ok(answer) => {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                last = anyhow!("POST {url}: {status} {text}");
                if !passes(status) {
                    bail!(last);
                }
            }
            Err(error) => last = anyhow::Error::new(error).context(format!("POST {url}")),
        }
    }
    Err(last)
}

/// Registers a user with a random name; the token.
pub async fn register(http: &Client, url: &str) -> anyhow::Result<String> {
    let name = format!("load{}", &Uuid::new_v4().simple().to_string()[..16]);
    let body = json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": "correct horse battery"}});
    let answer = post(http, &format!("{url}/api/users"), None, &body).await?;
    text(&answer["user"]["token"])
}

/// Publishes an article; its slug.
pub async fn publish(http: &Client, url: &str, token: &str, number: usize, tags: &[String]) -> anyhow::Result<String> {
    let paragraph = "Whatever can be counted can be shown, and whatever is shown can be run again by somebody else. ";
    let body = json!({"article": {
        "title": format!("A thing worth saying, number {number}"),
        "description": "What it is about, in one sentence of the usual length",
        "body": paragraph.repeat(16),
        "tagList": tags,
    }});
    let answer = post(http, &format!("{url}/api/articles"), Some(token), &body).await?;
    text(&answer["article"]["slug"])
}

/// Conflict: the first attempt under this key is still being worked on.
fn passes(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::CONFLICT
}

pub fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(ToOwned::to_owned).with_context(|| format!("{value} is not text"))
}
