//! skeleton
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use std::sync::Arc;
use chrono::{DateTime, Utc};
use magnitude_ids::{Bucket, Id};
use serde::{Deserialize, Serialize};

/// 256 random bits and the user's bucket, base64url without padding. Only the hash is stored.
#[derive(Clone)]
pub struct Token { /* secret text */ }
impl Token {
    pub fn new(bucket: Bucket) -> Self { todo!() }
    pub fn parse(text: &str) -> Option<Self> { todo!() }
    pub fn bucket(&self) -> Bucket { todo!() }
    pub fn hash(&self) -> TokenHash { todo!() }
    pub fn expose(&self) -> &str { todo!() }
}
/// SHA-256 of the token, hex in JSON and URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

/// A live session as Redis and the other services know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session { pub id: Id, pub user: Id, pub expires_at: DateTime<Utc> }

/// Where a session that Redis lost is looked up: accounts' own table, or a call to accounts.
pub trait Lookup: Send + Sync + 'static {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> impl Future<Output = anyhow::Result<Option<Session>>> + Send;
}

/// Resolves tokens; put in the app state with `FromRef<App>` so that the extractors find it.
#[derive(Clone)]
pub struct Sessions {}
impl Sessions {
    pub fn new(settings: &magnitude_redis::Settings, lookup: impl Lookup) -> anyhow::Result<Self> { todo!() }
    pub async fn resolve(&self, token: &Token) -> anyhow::Result<Option<Session>> { todo!() }
    /// Put a new session (login), so that the first request needs no look-up. Never overwrites a tombstone.
    pub async fn remember(&self, hash: TokenHash, session: &Session) { todo!() }
    /// Tombstones: no fill overwrites them. Err when Redis could not be told (the caller's job tries again).
    pub async fn revoke(&self, hashes: &[TokenHash]) -> anyhow::Result<()> { todo!() }
}

/// Extractor of routes that need a session: 401 `token is missing|is invalid`, 503 when it cannot be told.
#[derive(Clone)]
pub struct SignedIn { pub session: Session, pub token: Token }
/// Extractor of routes where it is optional: a missing or bad token is an anonymous viewer.
#[derive(Clone)]
pub struct Viewer(pub Option<Session>);
// both: impl<S> FromRequestParts<S> where Sessions: FromRef<S>; and OptionalFromRequestParts is not needed
