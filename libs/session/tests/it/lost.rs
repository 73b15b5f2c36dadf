//! What Redis keeps is not asked for again; what it lost is.

use std::time::{Duration, Instant};

use magnitude_redis::Settings;
use magnitude_session::Session;

use crate::{
    accounts::{Accounts, put, session},
    server::Server,
};

#[tokio::test]
async fn a_kept_session_is_not_looked_up() {
    let server = Server::start();
    let ((token, session), accounts) = (session(), Accounts::default());
    let sessions = accounts.sessions(&server.settings());
    sessions.remember(token.hash(), &session).await;

    let found = sessions.resolve(&token).await.unwrap();

    assert_eq!(found, Some(session));
    assert_eq!(accounts.asked(), 0);
}

#[tokio::test]
async fn a_lost_session_is_looked_up_once_and_kept() {
    let server = Server::start();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&server.settings());

    let (first, second) = (sessions.resolve(&token).await.unwrap(), sessions.resolve(&token).await.unwrap());

    assert_eq!((first, second), (Some(session.clone()), Some(session)));
    assert_eq!(accounts.asked(), 1);
}

#[tokio::test]
async fn an_unknown_token_has_no_session() {
    let server = Server::start();
    let (token, _) = session();
    let sessions = Accounts::default().sessions(&server.settings());

    assert_eq!(sessions.resolve(&token).await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_decode_is_looked_up_and_replaced() {
    let server = Server::start();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&server.settings());
    put(&server.settings(), token.hash(), "garbage").await;

    let (first, second) = (sessions.resolve(&token).await.unwrap(), sessions.resolve(&token).await.unwrap());

    assert_eq!((first, second), (Some(session.clone()), Some(session)));
    assert_eq!(accounts.asked(), 1);
}

#[tokio::test]
async fn an_expired_session_is_none() {
    let server = Server::start();
    let (token, mut session) = session();
    session.expires_at -= chrono::Duration::hours(2);
    let sessions = Accounts::knowing(&session).sessions(&server.settings());

    assert_eq!(sessions.resolve(&token).await.unwrap(), None);
}

#[tokio::test]
async fn without_redis_the_look_up_answers() {
    let mut server = Server::start();
    let (token, session) = session();
    // Who waited for its limit would take longer than the test allows.
    let sessions = Accounts::knowing(&session).sessions(&Settings { timeout_ms: 120_000, ..server.settings() });
    server.stop();
    let begun = Instant::now();

    let found = sessions.resolve(&token).await.unwrap();

    let unknown = Session { wrote: true, ..session };
    assert_eq!(found, Some(unknown), "nobody knows whether it wrote");
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_failing_look_up_is_an_error_and_not_an_unknown_token() {
    let server = Server::start();
    let (token, _) = session();
    let sessions = Accounts::down().sessions(&server.settings());

    assert!(sessions.resolve(&token).await.is_err());
}
