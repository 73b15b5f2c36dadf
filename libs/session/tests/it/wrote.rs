//! Who wrote a moment ago is known to every instance before the answer goes out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
    routing::any,
};
use magnitude_session::{Session, Sessions, Token, mark_writes, untold};
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::{
    accounts::{Accounts, session},
    server::{Server, eventually},
};

async fn send(router: Router, method: Method, token: &Token) -> StatusCode {
    let request = Request::builder().method(method).uri("/").header("authorization", format!("Token {}", token.expose()));
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

fn answering(sessions: &Sessions, status: StatusCode) -> Router {
    mark_writes(Router::new().route("/", any(async move || status)), sessions)
}

/// Two instances, and a session that both know.
fn two(server: &Server) -> (Sessions, Sessions, Token, Session) {
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    (accounts.sessions(&server.settings()), accounts.sessions(&server.settings()), token, session)
}

async fn wrote(sessions: &Sessions, token: &Token) -> bool {
    sessions.resolve(token).await.unwrap().expect("it is live").wrote
}

/// Whether a write was looked for before its mark may have gone; then it showed until that went.
async fn shows(server: &Server, status: StatusCode) -> bool {
    const SOON: Duration = Duration::from_millis(1_500);
    let (one, other, token, _) = two(server);
    let begun = Instant::now();

    assert_eq!(send(answering(&one, status), Method::PUT, &token).await, status);

    let shown = wrote(&other, &token).await;
    if begun.elapsed() >= SOON {
        return false;
    }
    assert!(shown, "{status}");
    eventually("the mark goes", async || !wrote(&other, &token).await).await;
    assert!(begun.elapsed() > SOON, "{:?}", begun.elapsed());
    true
}

#[tokio::test]
async fn a_write_that_succeeded_or_may_have_shows_on_another_instance_for_two_seconds() {
    let server = Server::start();
    for status in [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::GATEWAY_TIMEOUT] {
        let mut tries = 0;
        while !shows(&server, status).await {
            tries += 1;
            assert!(tries < 20, "nobody looked in time");
        }
    }
}

#[tokio::test]
async fn a_read_and_a_write_that_failed_leave_no_mark() {
    let server = Server::start();
    let failed = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let cases = failed.map(|status| (Method::POST, status)).into_iter().chain([(Method::GET, StatusCode::OK)]);
    for (method, status) in cases {
        let (one, other, token, _) = two(&server);

        send(answering(&one, status), method.clone(), &token).await;

        assert!(!wrote(&other, &token).await, "{method} {status}");
    }
}

#[tokio::test]
async fn a_write_that_takes_long_is_marked_before_it_ends() {
    let server = Server::start();
    let (one, other, token, _) = two(&server);
    let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let wait = gone.clone();
    let router = mark_writes(Router::new().route("/", any(async move || wait.notified().await)), &one);
    let (asked, done) = (token.clone(), go.clone());
    let running = tokio::spawn(async move {
        send(router, Method::POST, &asked).await;
        done.notify_one();
    });

    eventually("it is marked while it runs", async || wrote(&other, &token).await).await;

    assert!(!running.is_finished());
    gone.notify_one();
    go.notified().await;
}

#[tokio::test]
async fn where_the_mark_cannot_be_set_the_answer_waits_for_a_second_and_nobody_knows() {
    let mut server = Server::start();
    let (one, other, token, _) = two(&server);
    server.stop();
    let begun = Instant::now();

    let status = send(answering(&one, StatusCode::OK), Method::DELETE, &token).await;

    assert_eq!(status, StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(wrote(&other, &token).await);
}

#[tokio::test]
async fn a_mark_leaves_the_other_sessions_alone() {
    let server = Server::start();
    let (one, other, token, session) = two(&server);
    let bystander = Token::new(token.bucket());
    other.remember(bystander.hash(), &session).await;

    send(answering(&one, StatusCode::OK), Method::POST, &token).await;

    assert!(!wrote(&other, &bystander).await);
}

#[tokio::test]
async fn a_write_that_the_cache_was_not_told_of_shows_for_longer_and_outlives_the_next_one() {
    let server = Server::start();
    let redis = magnitude_redis::Redis::new(&server.settings()).unwrap();
    for _ in 0..20 {
        let (one, other, token, _) = two(&server);
        let is_untold = async || other.resolve(&token).await.unwrap().expect("it is live").untold;

        send(answering(&one, StatusCode::OK), Method::PUT, &token).await;
        assert!(!is_untold().await);
        let begun = Instant::now();
        send(mark_writes(Router::new().route("/", any(async || untold())), &one), Method::PUT, &token).await;
        let first = is_untold().await;

        send(answering(&one, StatusCode::OK), Method::PUT, &token).await;
        let second = is_untold().await;
        let mut lives = redis::pipe();
        lives.cmd("PTTL").arg(format!("it:untold:{}", token.hash())).cmd("PTTL").arg(format!("it:wrote:{}", token.hash()));
        let (longer, shorter): (i64, i64) = redis.nodes()[0].run(&lives).await.unwrap();

        // It shows for ten seconds; later less may be left of it than the two that the last write shows.
        if begun.elapsed() < Duration::from_secs(7) {
            assert!(first && second, "before the last write: {first}, after it: {second}");
            assert!(longer > shorter, "{longer} ms after {shorter} ms");
            return;
        }
    }
    panic!("nobody looked in time");
}
