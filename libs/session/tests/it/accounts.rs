use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use chrono::{Duration, Utc};
use magnitude_ids::{Bucket, Id};
use magnitude_redis::{Redis, Settings};
use magnitude_session::{Lookup, Session, Sessions, Token, TokenHash};

/// Knows one session, and counts how often it was asked.
#[derive(Clone, Default)]
pub struct Accounts {
    session: Option<Session>,
    down: bool,
    /// Revokes the session in Redis between finding it and answering.
    revokes: Arc<Mutex<Option<Sessions>>>,
    asked: Arc<AtomicUsize>,
}

impl Accounts {
    pub fn knowing(session: &Session) -> Self {
        Self { session: Some(session.clone()), ..Self::default() }
    }

    pub fn down() -> Self {
        Self { down: true, ..Self::default() }
    }

    pub fn revoke_meanwhile(&self, sessions: &Sessions) {
        *self.revokes.lock().unwrap() = Some(sessions.clone());
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub fn sessions(&self, settings: &Settings) -> Sessions {
        Sessions::new(settings, self.clone()).unwrap()
    }
}

impl Lookup for Accounts {
    async fn find(&self, _bucket: Bucket, hash: TokenHash) -> anyhow::Result<Option<Session>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        anyhow::ensure!(!self.down, "accounts is down");
        let sessions = self.revokes.lock().unwrap().take();
        if let Some(sessions) = sessions {
            sessions.revoke(&[hash]).await?;
        }
        Ok(self.session.clone())
    }
}

pub fn session() -> (Token, Session) {
    let bucket = Bucket::new(7).unwrap();
    let id = |number| Id::from_i64(number).unwrap();
    // Whole seconds: what Redis keeps must compare equal.
    let expires_at = chrono::DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap() + Duration::hours(1);
    (Token::new(bucket), Session { id: id(1), user: id(2), expires_at, wrote: false, untold: false })
}

/// What Redis holds under a token's key.
pub async fn kept(settings: &Settings, hash: TokenHash) -> Option<String> {
    let redis = Redis::new(settings).unwrap();
    let key = redis.key(&format!("session:{hash}"));
    let (text,) = redis.nodes()[0].run(redis::pipe().get(key)).await.unwrap();
    text
}

/// Puts a text under a token's key.
pub async fn put(settings: &Settings, hash: TokenHash, text: &str) {
    let redis = Redis::new(settings).unwrap();
    let key = redis.key(&format!("session:{hash}"));
    redis.nodes()[0].run::<()>(redis::pipe().set(key, text).ignore()).await.unwrap();
}
