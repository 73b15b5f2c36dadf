use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// How many buckets there are. Fixed for ever: the number is part of every id.
pub const BUCKETS: u16 = 4096;

/// The unit of placement: a bucket lives on one shard at a time and moves as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Bucket(u16);

impl Bucket {
    /// The bucket with this number, if there is one.
    pub fn new(number: u16) -> Option<Self> {
        (number < BUCKETS).then_some(Self(number))
    }

    /// The bucket of a name: the first 12 bits of SHA-256 of its NFC form.
    pub fn of_name(name: &str) -> Self {
        let digest = Sha256::digest(name.nfc().collect::<String>().as_bytes());
        Self(u16::from_be_bytes([digest[0], digest[1]]) >> 4)
    }

    /// A bucket drawn at random, for what has no natural place (a new user).
    pub fn random() -> Self {
        Self(rand::random_range(0..BUCKETS))
    }

    pub fn number(self) -> u16 {
        self.0
    }

    /// The number as Postgres' `smallint`.
    pub fn as_i16(self) -> i16 {
        // 4095 at most, so the sign bit is never touched.
        self.0.cast_signed()
    }

    /// All buckets in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..BUCKETS).map(Self)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Bucket> for u16 {
    fn from(bucket: Bucket) -> Self {
        bucket.0
    }
}

impl TryFrom<u16> for Bucket {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        Self::new(number).ok_or_else(|| format!("there is no bucket {number}: they end at {}", BUCKETS - 1))
    }
}

impl TryFrom<i16> for Bucket {
    type Error = String;

    fn try_from(number: i16) -> Result<Self, String> {
        u16::try_from(number).map_err(|_| format!("there is no bucket {number}")).and_then(Self::try_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_same_bucket_however_it_is_composed() {
        assert_eq!(Bucket::of_name("caf\u{e9}"), Bucket::of_name("cafe\u{301}"));
    }

    #[test]
    fn a_name_s_bucket_is_the_first_twelve_bits_of_its_sha_256() {
        // SHA-256("abc") starts with ba7816bf.
        assert_eq!(Bucket::of_name("abc").number(), 0xba7);
    }

    #[test]
    fn there_is_no_bucket_past_the_last() {
        assert!(Bucket::new(BUCKETS).is_none());
        assert!(Bucket::try_from(-1_i16).is_err());
        assert_eq!(Bucket::all().count(), usize::from(BUCKETS));
    }
}
