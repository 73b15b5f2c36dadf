//! One viewer's requests.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, redirect};
use serde_json::Value;

use crate::{Answer, stack, turn::Turn};

/// Where a request enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// The load balancer, as every real client.
    Envoy,
    /// The public listener of this instance of whichever service answers the path.
    Instance(usize),
}

impl Gate {
    /// Writer and reader apart in every way that two instances and a load balancer allow.
    pub const PAIRS: [(Self, Self); 4] = [
        (Self::Instance(0), Self::Instance(1)),
        (Self::Instance(1), Self::Instance(0)),
        (Self::Instance(0), Self::Envoy),
        (Self::Envoy, Self::Envoy),
    ];
}

/// A viewer (a token, or anonymous) at a gate.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client,
    gate: Gate,
    token: Option<String>,
    turn: Arc<Turn>,
}

impl Api {
    /// Nobody in particular, through Envoy. Each test makes its own: connections do not outlive a test's runtime.
    pub fn anonymous() -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            // Shorter than any server's idle limit, so that no request meets a connection that is being closed.
            .pool_idle_timeout(Duration::from_secs(2))
            .user_agent("magnitude-conformance")
            .build()
            .expect("a client without TLS always builds");
        Self { http, gate: Gate::Envoy, token: None, turn: Turn::mine() }
    }

    #[must_use]
    pub fn at(&self, gate: Gate) -> Self {
        Self { gate, ..self.clone() }
    }

    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    #[must_use]
    pub fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// Asks until the answer, which must be a 200, is as wanted; for what happens within seconds, not at once.
    pub async fn once(&self, path: &str, bound: Duration, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let limit = Instant::now() + bound;
        loop {
            let answer = self.get(path).await;
            answer.is(200);
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < limit, "not within {bound:?}: {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }

    /// A POST without a body or a content type.
    pub async fn post_nothing(&self, path: &str) -> Answer {
        self.send(Method::POST, path, &[], None).await
    }

    /// A POST under an `Idempotency-Key`.
    pub async fn post_keyed(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let bytes = body.to_string().into_bytes();
        self.send(Method::POST, path, &headers, Some(bytes)).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.bytes(method, path, body.to_string().into_bytes()).await
    }

    /// Any bytes, called JSON.
    pub async fn bytes(&self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send(method, path, &headers, Some(body.into())).await
    }

    /// The request as it is: `path` is below `/api` and already encoded.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        self.send_to(method, &format!("{}/api{path}", self.base(path)), headers, body).await
    }

    /// The same for a path of the origin, beside the API.
    pub async fn origin(&self, method: Method, path: &str) -> Answer {
        let base = match self.gate {
            Gate::Envoy => stack().url.clone(),
            Gate::Instance(number) => stack().instance("media", number),
        };
        self.send_to(method, &format!("{base}{path}"), &[], None).await
    }

    async fn send_to(&self, method: Method, url: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        self.turn.begin().await;
        let told = describe(&method, url, headers, body.as_deref());
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Token {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("no answer to\n{told}\n{error:?}"));
        Answer::read(told, response).await
    }

    fn base(&self, path: &str) -> String {
        match self.gate {
            Gate::Envoy => stack().url.clone(),
            Gate::Instance(number) => stack().instance(service(path), number),
        }
    }
}

/// Which service answers a path below `/api`.
fn service(path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or(path);
    let first = path.split('/').nth(1).unwrap_or("");
    match first {
        "articles" | "tags" => "articles",
        "media" => "media",
        "notifications" => "social",
        "profiles" if path.ends_with("/follow") => "social",
        _ => "accounts",
    }
}

/// `path?name=value&...`, encoded.
pub fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", segment(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// Percent-encodes everything but unreserved characters.
pub fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a String does not fail");
        }
        encoded
    })
}

/// The request in words, for the message of a failed assertion; bodies are cut.
fn describe(method: &Method, url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> String {
    const SHOWN: usize = 600;
    let mut told = format!("{method} {url}");
    for (name, value) in headers {
        write!(told, "\n{name}: {value}").expect("writing to a String does not fail");
    }
    if let Some(body) = body {
        let shown = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
        write!(told, "\n{shown} ({} bytes)", body.len()).expect("writing to a String does not fail");
    }
    told
}
