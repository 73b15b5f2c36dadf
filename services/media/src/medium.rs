//! An upload as anybody sees it.

use magnitude_contract::media::{MediaAnswer, MediaBody, MediaStatus, VariantBody};
use magnitude_ids::Id;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    pub id: Id,
    pub status: MediaStatus,
    pub reason: Option<String>,
    pub variants: Vec<Variant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    pub width: u32,
    pub height: u32,
    /// The hash of its content.
    pub hash: String,
}

impl Medium {
    /// One that was just uploaded.
    pub fn new(id: Id) -> Self {
        Self { id, status: MediaStatus::Processing, reason: None, variants: Vec::new() }
    }

    pub fn answer(&self) -> MediaAnswer {
        let variants = self.variants.iter().map(|variant| VariantBody {
            width: variant.width,
            height: variant.height,
            url: format!("/objects/{}", variant.hash),
            content_type: Kind::WebP.content_type(),
        });
        MediaAnswer {
            media: MediaBody {
                id: self.id,
                status: self.status,
                url: format!("/api/media/{}", self.id),
                reason: self.reason.clone(),
                variants: variants.collect(),
            },
        }
    }
}
