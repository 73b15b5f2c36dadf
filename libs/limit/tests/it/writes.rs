use axum::{
    Router,
    body::Body,
    http::{Method, Request, Response, header::RETRY_AFTER},
    routing::any,
};
use chrono::{TimeDelta, Utc};
use magnitude_ids::{Bucket, Id};
use magnitude_limit::{Limiter, Rate, Settings, limit_writes};
use magnitude_session::{Lookup, Session, Sessions, SignedIn, Token, TokenHash};
use tower::ServiceExt;

use crate::{limits::SETTINGS, server::Server};

/// Knows no session.
struct Nobody;

impl Lookup for Nobody {
    async fn find(&self, _bucket: Bucket, _hash: TokenHash) -> anyhow::Result<Option<Session>> {
        Ok(None)
    }
}

/// Nothing comes back while a test runs.
const USER: Rate = Rate { per_second: 0.001, burst: 2.0 };
const ADDRESS: Rate = Rate { burst: 3.0, ..USER };

fn app(server: &Server, sessions: &Sessions) -> Router {
    let settings = Settings { writes_per_user: USER, writes_per_address: ADDRESS, ..SETTINGS };
    let limiter = Limiter::new(&server.settings(), "notes", settings).unwrap();
    let signed_in = any(async |_: SignedIn| "done");
    limit_writes(Router::new().route("/", signed_in).with_state(sessions.clone()), &limiter, sessions)
}

async fn user(sessions: &Sessions, number: i64) -> Token {
    let token = Token::new(Bucket::new(1).unwrap());
    let (id, user) = (Id::from_i64(1).unwrap(), Id::from_i64(number).unwrap());
    sessions.remember(token.hash(), &Session { id, user, expires_at: Utc::now() + TimeDelta::hours(1), wrote: false, untold: false }).await;
    token
}

async fn send(app: &Router, method: Method, token: &Token, address: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri("/").header("authorization", format!("Token {}", token.expose()));
    app.clone().oneshot(request.header("x-envoy-external-address", address).body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_user_who_writes_too_much_is_refused_and_others_and_reads_are_not() {
    let server = Server::start();
    let sessions = Sessions::new(&server.settings(), Nobody).unwrap();
    let (app, ann, bob) = (app(&server, &sessions), user(&sessions, 1).await, user(&sessions, 2).await);
    for address in ["10.0.0.1", "10.0.0.2"] {
        assert_eq!(send(&app, Method::PUT, &ann, address).await.status(), 200);
    }

    let refused = send(&app, Method::POST, &ann, "10.0.0.3").await;

    assert_eq!(refused.status(), 429);
    let told: u64 = refused.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=1_000).contains(&told), "{told}");
    let body = axum::body::to_bytes(refused.into_body(), 1_000).await.unwrap();
    assert_eq!(body, r#"{"errors":{"server":["too many requests, try again later"]}}"#);
    assert_eq!(send(&app, Method::GET, &ann, "10.0.0.1").await.status(), 200);
    assert_eq!(send(&app, Method::DELETE, &bob, "10.0.0.1").await.status(), 200);
}

#[tokio::test]
async fn an_address_that_writes_too_much_is_refused_whoever_signs_in_from_it() {
    let server = Server::start();
    let sessions = Sessions::new(&server.settings(), Nobody).unwrap();
    let app = app(&server, &sessions);
    for number in 1..=3 {
        assert_eq!(send(&app, Method::POST, &user(&sessions, number).await, "10.0.0.1").await.status(), 200);
    }
    let last = user(&sessions, 4).await;

    assert_eq!(send(&app, Method::POST, &last, "10.0.0.1").await.status(), 429);
    assert_eq!(send(&app, Method::POST, &last, "10.0.0.2").await.status(), 200);
}

#[tokio::test]
async fn who_is_not_signed_in_is_refused_as_ever() {
    let server = Server::start();
    let sessions = Sessions::new(&server.settings(), Nobody).unwrap();
    let app = app(&server, &sessions);

    for _ in 0..9 {
        assert_eq!(send(&app, Method::POST, &Token::new(Bucket::new(1).unwrap()), "10.0.0.1").await.status(), 401);
    }
}
