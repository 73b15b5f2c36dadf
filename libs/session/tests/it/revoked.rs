//! A revoked session stays revoked.

use magnitude_redis::{Redis, Settings};
use magnitude_session::TokenHash;

use crate::{
    accounts::{Accounts, kept, session},
    server::{Server, eventually},
};

#[tokio::test]
async fn a_tombstone_is_not_overwritten_by_remember() {
    let server = Server::start();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&server.settings());
    sessions.revoke(&[token.hash()]).await.unwrap();

    sessions.remember(token.hash(), &session).await;

    assert_eq!(sessions.resolve(&token).await.unwrap(), None);
    assert_eq!(accounts.asked(), 0, "the tombstone answers");
}

#[tokio::test]
async fn a_tombstone_is_not_overwritten_by_a_look_up_that_found_the_session_before() {
    let server = Server::start();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&server.settings());
    accounts.revoke_meanwhile(&sessions);

    sessions.resolve(&token).await.unwrap();

    assert_eq!(accounts.asked(), 1);
    assert_eq!(sessions.resolve(&token).await.unwrap(), None);
    assert_eq!(accounts.asked(), 1, "the tombstone answers");
}

#[tokio::test]
async fn a_dead_node_fails_the_revocation_and_the_others_still_hear_of_it() {
    let (server, mut dead) = (Server::start(), Server::start());
    dead.stop();
    let settings = server.settings();
    let nodes = vec![settings.nodes[0].clone(), dead.settings().nodes[0].clone()];
    let both = Settings { nodes, ..settings.clone() };
    let (sessions, places) = (Accounts::default().sessions(&both), Redis::new(&both).unwrap());
    let hashes: Vec<TokenHash> = (0..32).map(|_| session().0.hash()).collect();

    let told = sessions.revoke(&hashes).await;

    assert!(told.is_err());
    for hash in &hashes {
        let tombstone = kept(&settings, *hash).await.is_some();
        assert_eq!(tombstone, places.node(&hash.to_string()) == 0);
    }
}

#[tokio::test]
async fn a_revocation_can_be_repeated_once_redis_is_back() {
    let mut server = Server::start();
    let (token, session) = session();
    let sessions = Accounts::knowing(&session).sessions(&server.settings());
    server.stop();
    assert!(sessions.revoke(&[token.hash()]).await.is_err());
    server.start_again();

    eventually("redis is told", async || sessions.revoke(&[token.hash()]).await.is_ok()).await;

    assert_eq!(sessions.resolve(&token).await.unwrap(), None);
}
