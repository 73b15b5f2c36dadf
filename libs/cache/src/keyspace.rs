use std::{fmt, marker::PhantomData, time::Duration};

use magnitude_ids::Bucket;
use serde::{Deserialize, Serialize};

/// One kind of cached thing. Its owner is the service whose database fills it: only that one fills and voids, the others read what is
/// there and ask the owner for the rest.
pub struct Keyspace<T> {
    pub(crate) owner: &'static str,
    pub(crate) name: &'static str,
    pub(crate) soft: Duration,
    pub(crate) hard: Duration,
    pub(crate) negative: Duration,
    pub(crate) enduring: bool,
    of: PhantomData<fn() -> T>,
}

/// What a load found. The row's version decides which fill wins.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    /// Nothing for what has none of its own: then only the lease and the stamp keep old fills out, and a void drops whatever is there.
    pub version: Option<i64>,
    pub value: T,
}

impl<T> Versioned<T> {
    pub fn new(version: i64, value: T) -> Self {
        Self { version: Some(version), value }
    }

    pub fn unversioned(value: T) -> Self {
        Self { version: None, value }
    }
}

/// What a write made old: every version of the key below this one, or whatever is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    pub(crate) bucket: Bucket,
    /// With the keyspace's name.
    pub(crate) key: String,
    pub(crate) version: Option<i64>,
    /// Tells this void from every other: told again it does nothing, unless another one came in between.
    #[serde(default)]
    pub(crate) mark: u64,
}

impl Void {
    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// The keyspace's name and the key in it.
    pub fn place(&self) -> (&str, &str) {
        self.key.split_once(':').unwrap_or((&self.key, ""))
    }
}

/// A key of a keyspace, and where it lives.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub bucket: Bucket,
    /// As Redis knows it.
    pub redis: String,
    /// Where in that its name begins.
    pub name_at: usize,
    pub hash: u64,
}

impl Key {
    /// With the keyspace's name; what voids call it.
    pub fn name(&self) -> &str {
        &self.redis[self.name_at..]
    }
}

impl<T> Keyspace<T> {
    /// After `soft` a value is refreshed while it is still served, after `hard` it is gone; `negative` is how long "there is no such
    /// thing" is believed.
    pub const fn new(owner: &'static str, name: &'static str, soft: Duration, hard: Duration, negative: Duration) -> Self {
        Self { owner, name, soft, hard, negative, enduring: false, of: PhantomData }
    }

    /// For what may change all the time and need not be exact then: a hot key that changes more than 50 times a second is shown from a
    /// copy of a tenth of a second, to all but the sessions that wrote.
    #[must_use]
    pub const fn enduring(mut self) -> Self {
        self.enduring = true;
        self
    }

    /// The key's payload and lease go, and its floor rises to `version`.
    pub fn void(&self, bucket: Bucket, key: impl fmt::Display, version: i64) -> Void {
        Void { bucket, key: self.key(key), version: Some(version), mark: rand::random() }
    }

    /// The key's payload and lease go.
    pub fn drop(&self, bucket: Bucket, key: impl fmt::Display) -> Void {
        Void { bucket, key: self.key(key), version: None, mark: rand::random() }
    }

    pub(crate) fn key(&self, key: impl fmt::Display) -> String {
        format!("{}:{key}", self.name)
    }
}
