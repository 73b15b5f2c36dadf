use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{BUCKETS, Bucket};

const BUCKET_BITS: u32 = 12;
const RANDOM_BITS: u32 = 10;
const MILLIS_BITS: u32 = 41;
const TIME_SHIFT: u32 = BUCKET_BITS + RANDOM_BITS;
/// 2025-01-01T00:00:00Z in Unix milliseconds: the zero of every id's clock.
const EPOCH_MILLIS: u64 = 1_735_689_600_000;

/// An id: 41 bits of milliseconds since 2025, 12 of bucket, 10 random. In JSON it is text, since 63 bits do not fit
/// a JavaScript number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct ParseIdError;

impl Id {
    /// Characters that 63 bits take at most.
    pub const LONGEST: usize = 11;

    /// A new id in `bucket`, made at `now`.
    pub fn new(bucket: Bucket, now: SystemTime) -> Self {
        let unix = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let millis = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX).saturating_sub(EPOCH_MILLIS);
        Self::from_parts(millis, bucket, rand::random_range(0..1 << RANDOM_BITS))
    }

    /// This id, or the next one of its bucket that sorts after `last`: keeps the order of one author's articles
    /// when two instances' clocks disagree.
    #[must_use]
    pub fn raised_above(self, last: Option<Self>) -> Self {
        match last {
            Some(last) if last >= self => Self::from_parts(last.millis() + 1, self.bucket(), rand::random_range(0..1 << RANDOM_BITS)),
            _ => self,
        }
    }

    fn from_parts(millis: u64, bucket: Bucket, random: u16) -> Self {
        let millis = millis & ((1 << MILLIS_BITS) - 1);
        let bits = (millis << TIME_SHIFT) | (u64::from(bucket.number()) << RANDOM_BITS) | u64::from(random);
        // 63 bits are used, so the sign bit stays clear.
        Self(bits.cast_signed())
    }

    fn millis(self) -> u64 {
        self.0.cast_unsigned() >> TIME_SHIFT
    }

    /// The bucket in which the row of this id lives.
    pub fn bucket(self) -> Bucket {
        let number = (self.0 >> RANDOM_BITS) & i64::from(BUCKETS - 1);
        Bucket::new(u16::try_from(number).unwrap_or_default()).expect("12 bits name a bucket")
    }

    /// The number as Postgres' `bigint`.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The id with this number: every number that is not negative is one.
    pub fn from_i64(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }
}

/// Base 58 without leading zeros: short, and safe in a URL.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut text = [0; Self::LONGEST];
        let length = bs58::encode(&bytes[start..]).onto(&mut text[..]).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Id {
    type Err = ParseIdError;

    /// Accepts exactly what `Display` writes, so that an id has one text.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        // Nothing longer is worth decoding.
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(ParseIdError);
        }
        let decoded = bs58::decode(text).into_vec().map_err(|_| ParseIdError)?;
        let mut bytes = [0; 8];
        let start = bytes.len().checked_sub(decoded.len()).ok_or(ParseIdError)?;
        bytes[start..].copy_from_slice(&decoded);
        let id = Self::from_i64(i64::from_be_bytes(bytes)).ok_or(ParseIdError)?;
        (id.to_string() == text).then_some(id).ok_or(ParseIdError)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(EPOCH_MILLIS + millis)
    }

    #[test]
    fn ids_sort_by_time_whatever_their_bucket() {
        let early = Id::new(Bucket::new(4095).unwrap(), at(1));
        let late = Id::new(Bucket::new(0).unwrap(), at(2));

        assert!(early < late);
    }

    #[test]
    fn a_raised_id_follows_the_last_one_in_its_own_bucket() {
        let bucket = Bucket::new(7).unwrap();
        let last = Id::new(bucket, at(5_000));

        let raised = Id::new(bucket, at(10)).raised_above(Some(last));

        assert!(raised > last);
        assert_eq!(raised.bucket(), bucket);
    }

    #[test]
    fn an_id_that_follows_already_is_left_alone() {
        let bucket = Bucket::new(7).unwrap();
        let id = Id::new(bucket, at(5_000));

        assert_eq!(id.raised_above(Some(Id::new(bucket, at(10)))), id);
        assert_eq!(id.raised_above(None), id);
    }

    #[test]
    fn text_that_display_would_not_write_is_no_id() {
        let id = Id::new(Bucket::new(1).unwrap(), at(1)).to_string();
        for text in ["", "0", "l", "1ab", "zzzzzzzzzzz", "zzzzzzzzzzzz", &format!("1{id}")] {
            assert!(text.parse::<Id>().is_err(), "{text:?} was taken for an id");
        }
    }

    proptest! {
        #[test]
        fn an_id_survives_its_text(number in 0..=i64::MAX) {
            let id = Id::from_i64(number).unwrap();
            prop_assert_eq!(id.to_string().parse::<Id>(), Ok(id));
        }

        #[test]
        fn an_id_tells_its_bucket(bucket in 0..BUCKETS, millis in 0_u64..1 << MILLIS_BITS) {
            let bucket = Bucket::new(bucket).unwrap();
            prop_assert_eq!(Id::new(bucket, at(millis)).bucket(), bucket);
        }
    }
}
