//! What media owns: uploads and what was made of them.

use magnitude_ids::Id;
use serde::{Deserialize, Serialize};

use crate::{CallError, Settings, call::Caller};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaStatus {
    Processing,
    Ready,
    Rejected,
}

#[derive(Clone, Debug, Serialize)]
pub struct VariantBody {
    pub width: u32,
    pub height: u32,
    /// A path below the origin, `/objects/{hash}`; what a user's `image` is set to.
    pub url: String,
    #[serde(rename = "type")]
    pub content_type: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct MediaBody {
    pub id: Id,
    pub status: MediaStatus,
    /// Where the same is asked for again.
    pub url: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The narrowest first.
    pub variants: Vec<VariantBody>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MediaAnswer {
    pub media: MediaBody,
}

pub const TAKE: &str = "/internal/media/take";

/// A user is about to use an image of ours.
#[derive(Debug, Serialize, Deserialize)]
pub struct TakeCall {
    /// As [`object_of`] finds it.
    pub hash: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// It stays for an hour at least, and for as long as the user uses it after that.
    Taken,
    /// It is being deleted.
    Doomed,
    /// There is no such image here; one that was never here, or long gone.
    Unknown,
}

/// The hash in the URL of an image that may be ours, wherever it is served from: it ends with `/objects/` and 64 small hexadecimal digits.
pub fn object_of(image: &str) -> Option<&str> {
    let (_, hash) = image.rsplit_once("/objects/")?;
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (hash.len() == 64 && hash.bytes().all(digit)).then_some(hash)
}

#[derive(Clone)]
pub struct MediaClient(Caller);

impl MediaClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Caller::new(settings).map(Self)
    }

    /// Keeps an image from being collected until its user's row says that it is used.
    pub async fn take(&self, hash: &str) -> Result<Taken, CallError> {
        self.0.post(TAKE, &TakeCall { hash: hash.to_owned() }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_ours_by_the_end_of_its_url() {
        let hash = "0123456789abcdef".repeat(4);
        for ours in [format!("/objects/{hash}"), format!("http://localhost:8081/objects/{hash}")] {
            assert_eq!(object_of(&ours), Some(&*hash));
        }
        for not in [format!("/objects/{hash}?x"), format!("/objects/{}", &hash[1..]), format!("/object/{hash}"), hash.to_uppercase()] {
            assert_eq!(object_of(&not), None, "{not}");
        }
    }
}
