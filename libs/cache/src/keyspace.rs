use std::{fmt, marker::PhantomData, time::Duration};

use magnitude_ids::Bucket;
use serde::{Deserialize, Serialize};

/// One kind of cached thing. Its name is part of each key, beside the service's.
pub struct Keyspace<T> {
    pub(crate) name: &'static str,
    pub(crate) soft: Duration,
    pub(crate) hard: Duration,
    pub(crate) negative: Duration,
    of: PhantomData<fn() -> T>,
}

/// What a load found. The row's version decides which fill wins.
pub struct Versioned<T> {
    pub version: i64,
    pub value: T,
}

/// What a write made old: every version of the key below this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    pub(crate) bucket: Bucket,
    pub(crate) key: String,
    pub(crate) version: i64,
}

impl<T> Keyspace<T> {
    /// After `soft` a value is refreshed while it is still served, after `hard` it is gone; `negative` is how long "there is no such
    /// thing" is believed.
    pub const fn new(name: &'static str, soft: Duration, hard: Duration, negative: Duration) -> Self {
        Self { name, soft, hard, negative, of: PhantomData }
    }

    /// The key's payload and lease go, and its floor rises to `version`.
    pub fn void(&self, bucket: Bucket, key: impl fmt::Display, version: i64) -> Void {
        Void { bucket, key: self.key(key), version }
    }

    pub(crate) fn key(&self, key: impl fmt::Display) -> String {
        format!("{}:{key}", self.name)
    }
}
