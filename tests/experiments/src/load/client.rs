use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Outcome;

/// Above the 10 s in which a write is settled.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Requests to the public API, each sent once.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub outcome: Outcome,
    /// None: there was no answer.
    pub status: Option<u16>,
    /// Null where the answer is no JSON.
    pub body: Value,
    /// What no fault excuses: every request is a valid one, so a refusal means that something was lost.
    pub unexpected: bool,
    /// Why it is not Ok; empty if it is.
    pub why: String,
}

/// How far a request got.
enum Sent {
    Answered(StatusCode, String),
    /// No connection could be made.
    Never,
    /// It broke, or took too long, after it was sent.
    Broken,
}

impl Client {
    /// `url` is the load balancer's, without `/api`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        // Idle connections go before any server closes them: no request meets a connection that is being closed.
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).pool_idle_timeout(Duration::from_secs(2));
        Ok(Self { http: http.build().context("the HTTP client cannot be made")?, url: url.to_owned() })
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.send(Method::GET, path, token, None).await
    }

    /// `path` is below `/api`, encoded.
    pub async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Reply {
        let writes = method != Method::GET;
        let mut request = self.http.request(method, format!("{}/api{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", format!("Token {token}"));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let (sent, why) = match exchange(request).await {
            Ok((status, text)) => (Sent::Answered(status, text.clone()), format!("{status} {text}")),
            Err(error) if error.is_connect() => (Sent::Never, cause(&error)),
            Err(error) => (Sent::Broken, cause(&error)),
        };
        reply(writes, sent, why)
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> reqwest::Result<(StatusCode, String)> {
    let answer = request.send().await?;
    Ok((answer.status(), answer.text().await?))
}

fn reply(writes: bool, sent: Sent, why: String) -> Reply {
    let (outcome, unexpected) = judge(writes, &sent);
    let (status, body) = match sent {
        Sent::Answered(status, text) => (Some(status.as_u16()), serde_json::from_str(&text).unwrap_or_default()),
        Sent::Never | Sent::Broken => (None, Value::Null),
    };
    let why = if outcome == Outcome::Ok { String::new() } else { why };
    Reply { outcome, status, body, unexpected, why }
}

/// The outcome, and whether it is one that must not be.
fn judge(writes: bool, sent: &Sent) -> (Outcome, bool) {
    let (status, text) = match sent {
        Sent::Answered(status, text) => (status.as_u16(), text),
        Sent::Never => return (Outcome::Failed, false),
        Sent::Broken => return (if writes { Outcome::Unknown } else { Outcome::Failed }, false),
    };
    match status {
        200..=299 => (Outcome::Ok, false),
        504 if writes => (Outcome::Unknown, false),
        503 if text.contains("try again") => (Outcome::Failed, false),
        // Taken by another, too many; what a read does not find is judged by who knows that it was there.
        409 | 429 => (Outcome::Failed, false),
        404 | 503 | 504 if !writes => (Outcome::Failed, false),
        _ => (Outcome::Failed, true),
    }
}

/// The whole chain: the outermost says only that sending failed.
fn cause(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, text: &str) -> Sent {
        Sent::Answered(StatusCode::from_u16(status).expect("it is one"), text.to_owned())
    }

    #[test]
    fn a_write_is_unknown_when_it_may_have_happened() {
        for sent in [Sent::Broken, answered(504, "outcome unknown")] {
            assert_eq!(judge(true, &sent), (Outcome::Unknown, false));
        }
        for sent in
            [Sent::Never, answered(503, "is unavailable, try again"), answered(503, "is not available now, try again"), answered(409, "")]
        {
            assert_eq!(judge(true, &sent), (Outcome::Failed, false));
        }
    }

    #[test]
    fn a_read_that_answers_anything_but_ok_has_failed() {
        for sent in [Sent::Broken, Sent::Never, answered(503, "try again"), answered(504, ""), answered(404, "")] {
            assert_eq!(judge(false, &sent), (Outcome::Failed, false));
        }
    }

    #[test]
    fn a_refusal_of_a_valid_request_is_unexpected() {
        for (writes, status) in [(true, 500), (true, 502), (true, 401), (true, 404), (false, 401), (false, 500)] {
            assert_eq!(judge(writes, &answered(status, "")), (Outcome::Failed, true), "{status}");
        }
    }
}
