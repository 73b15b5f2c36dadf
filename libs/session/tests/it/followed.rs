//! What was revoked is refused whatever Redis says.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use magnitude_session::{News, Revocations, Sessions, TokenHash};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    accounts::{Accounts, session},
    server::{Server, eventually},
};

/// Tells what it was told, or nothing at all.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Option<Vec<TokenHash>>>>);

impl Feed {
    fn tell(&self, hashes: &[TokenHash]) {
        *self.0.lock().unwrap() = Some(hashes.to_vec());
    }
}

impl Revocations for Feed {
    async fn revoked(&mut self, _within: Duration) -> anyhow::Result<News> {
        let hashes = self.0.lock().unwrap().clone();
        Ok(News { hashes: hashes.ok_or_else(|| anyhow::anyhow!("accounts is down"))?, age: Duration::ZERO, all: true })
    }
}

/// Another process, asked as accounts is.
struct Process(Sessions);

impl Revocations for Process {
    async fn revoked(&mut self, within: Duration) -> anyhow::Result<News> {
        self.0.revocations(within).ok_or_else(|| anyhow::anyhow!("it knows nothing yet"))
    }
}

fn follow(sessions: &Sessions, feed: impl Revocations) -> DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(sessions.follow(vec![feed], stop.clone()));
    stop.drop_guard()
}

#[tokio::test]
async fn a_revoked_session_is_refused_soon_through_two_processes_though_redis_calls_it_live() {
    let server = Server::start();
    let ((token, session), accounts, feed) = (session(), Accounts::default(), Feed::default());
    feed.tell(&[]);
    let (owner, other) = (accounts.sessions(&server.settings()), accounts.sessions(&server.settings()));
    let _following = (follow(&owner, feed.clone()), follow(&other, Process(owner.clone())));
    owner.remember(token.hash(), &session).await;
    eventually("redis is believed", async || other.resolve(&token).await.unwrap() == Some(session.clone())).await;

    feed.tell(&[token.hash()]);

    // Redis would call it live for minutes.
    eventually("it is refused", async || other.resolve(&token).await.unwrap().is_none()).await;
    assert!(owner.resolve(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_look_up_that_found_the_session_before_it_was_revoked_does_not_bring_it_back() {
    let server = Server::start();
    let (token, session) = session();
    let sessions = Accounts::knowing(&session).sessions(&server.settings());
    let feed = Feed::default();
    feed.tell(&[token.hash()]);

    let _following = follow(&sessions, feed);

    eventually("it is refused", async || sessions.resolve(&token).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn a_process_that_just_started_looks_up_until_it_has_heard() {
    let server = Server::start();
    let (token, session) = session();
    for _ in 0..20 {
        let accounts = Accounts::knowing(&session);
        let (sessions, feed) = (accounts.sessions(&server.settings()), Feed::default());
        sessions.remember(token.hash(), &session).await;

        let begun = Instant::now();
        let _following = follow(&sessions, feed.clone());
        sessions.resolve(&token).await.unwrap();

        // After three seconds it waits no longer, which on a busy machine may be over.
        let asked = accounts.asked();
        if begun.elapsed() < Duration::from_secs(3) {
            assert_eq!(asked, 1);
            feed.tell(&[]);
            eventually("redis is believed", async || unasked(&accounts, &sessions, &token).await).await;
            return;
        }
    }
    panic!("no process was asked soon after its start");
}

#[tokio::test]
async fn while_nobody_tells_redis_is_believed_and_the_age_grows() {
    let server = Server::start();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&server.settings());
    sessions.remember(token.hash(), &session).await;

    let _following = follow(&sessions, Feed::default());

    eventually("redis is believed", async || unasked(&accounts, &sessions, &token).await).await;
    assert!(sessions.revocations(Duration::from_mins(1)).is_none(), "others are not told that nothing was revoked");
}

/// Whether the session is resolved without a look-up.
async fn unasked(accounts: &Accounts, sessions: &Sessions, token: &magnitude_session::Token) -> bool {
    let before = accounts.asked();
    sessions.resolve(token).await.unwrap().is_some() && accounts.asked() == before
}
