use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use magnitude_ids::Bucket;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const RANDOM: usize = 32;
const BYTES: usize = RANDOM + 2;

/// 256 random bits and the user's bucket, in base64url. Whoever has it is signed in, so it does not print.
#[derive(Clone)]
pub struct Token {
    text: String,
    bucket: Bucket,
}

/// SHA-256 of a token: all that is stored of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash(pub [u8; 32]);

impl Token {
    pub fn new(bucket: Bucket) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..RANDOM].copy_from_slice(&rand::random::<[u8; RANDOM]>());
        bytes[RANDOM..].copy_from_slice(&bucket.number().to_be_bytes());
        Self { text: URL_SAFE_NO_PAD.encode(bytes), bucket }
    }

    /// A token with the right length, alphabet and a bucket that exists; whether it is anybody's is another question.
    pub fn parse(text: &str) -> Option<Self> {
        // 34 bytes make 46 characters: nothing else is worth decoding.
        let bytes: [u8; BYTES] = (text.len() == 46).then(|| URL_SAFE_NO_PAD.decode(text).ok())??.try_into().ok()?;
        let bucket = Bucket::new(u16::from_be_bytes([bytes[RANDOM], bytes[RANDOM + 1]]))?;
        Some(Self { text: text.to_owned(), bucket })
    }

    pub fn bucket(&self) -> Bucket {
        self.bucket
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.text).into())
    }

    /// The text, for the one it belongs to.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err("a token's hash has 64 hexadecimal digits");
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| "not hexadecimal")?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_bucket_and_survives_its_text() {
        let token = Token::new(Bucket::new(4095).unwrap());
        let parsed = Token::parse(token.expose()).unwrap();

        assert_eq!(parsed.bucket(), token.bucket());
        assert_eq!(parsed.hash(), token.hash());
        assert_eq!(String::from(token.hash()).try_into(), Ok(token.hash()));
    }

    #[test]
    fn text_of_another_length_or_alphabet_is_no_token() {
        let token = Token::new(Bucket::new(1).unwrap()).expose().to_owned();
        for text in ["", "x", &token[1..], &format!("{token}A"), &format!("{}+", &token[..45]), &format!("{}é", &token[..44])] {
            assert!(Token::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_bucket_that_does_not_exist_and_bits_beyond_the_last_byte_are_no_token() {
        let mut bytes = [0; BYTES];
        bytes[RANDOM..].copy_from_slice(&4096_u16.to_be_bytes());
        let beyond = Token::new(Bucket::new(1).unwrap()).expose()[..45].to_owned() + "B";
        for text in [URL_SAFE_NO_PAD.encode(bytes), beyond] {
            assert!(Token::parse(&text).is_none(), "{text:?}");
        }
    }
}
