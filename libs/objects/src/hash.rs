use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The SHA-256 of some content, as 64 small hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(String);

const DIGITS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash")]
pub struct ParseHashError;

impl Hash {
    pub fn of(content: &[u8]) -> Self {
        Self::from_digest(Sha256::digest(content).into())
    }

    pub fn from_digest(digest: [u8; 32]) -> Self {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is a digit");
        Self(digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    /// One content has one text: capitals are refused.
    fn from_str(text: &str) -> Result<Self, ParseHashError> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == DIGITS && text.bytes().all(digits)).then(|| Self(text.to_owned())).ok_or(ParseHashError)
    }
}

impl TryFrom<String> for Hash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, ParseHashError> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nothing_is_known() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

        assert_eq!(Hash::of(b"").as_str(), nothing);
        assert_eq!(nothing.parse(), Ok(Hash::of(b"")));
    }

    #[test]
    fn only_small_hexadecimal_digits_are_a_hash() {
        let good = Hash::of(b"x").to_string();
        for bad in [good.to_uppercase(), good[1..].to_owned(), format!("{good}0"), format!("../{}", &good[3..]), String::new()] {
            assert!(bad.parse::<Hash>().is_err(), "{bad}");
        }
    }
}
