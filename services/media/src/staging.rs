//! Where an upload is kept until it is decoded.

use axum::http::StatusCode;
use bytes::Bytes;
use magnitude_chassis::{ApiError, Stream};
use magnitude_objects::{Key, Objects, Upload};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kind::{HEAD, Kind, NO_IMAGE};

const FOLDER: &str = "staging";

pub fn folder() -> Key {
    Key::new(FOLDER).expect("a word is a key")
}

/// What was received, as a whole.
pub struct Staged {
    pub key: Key,
    /// Of its content.
    pub digest: [u8; 32],
}

/// Receives a body as it comes. What it begins with is looked at before more of it is taken; what does not end well leaves nothing.
pub async fn receive(objects: &Objects, mut body: Stream) -> Result<Staged, ApiError> {
    let head = head(&mut body).await?;
    if head.is_empty() {
        return Err(refused("can't be blank"));
    }
    if Kind::of(&head).is_none() {
        return Err(body.refuse(refused(NO_IMAGE)).await);
    }
    let key = Key::within(FOLDER, &Uuid::new_v4().to_string()).expect("a UUID is a segment");
    let (mut upload, mut hash) = (objects.begin(key.clone()), Sha256::new());
    let mut piece = Some(head);
    while let Some(bytes) = piece {
        hash.update(&bytes);
        write(&mut upload, bytes).await?;
        piece = body.next().await?;
    }
    upload.finish().await.map_err(ApiError::unavailable)?;
    Ok(Staged { key, digest: hash.finalize().into() })
}

/// As many pieces as it takes to tell what it is.
async fn head(body: &mut Stream) -> Result<Bytes, ApiError> {
    let mut head = Vec::new();
    while head.len() < HEAD
        && let Some(piece) = body.next().await?
    {
        head.extend_from_slice(&piece);
    }
    Ok(head.into())
}

async fn write(upload: &mut Upload, bytes: Bytes) -> Result<(), ApiError> {
    upload.write(bytes).await.map_err(ApiError::unavailable)
}

fn refused(message: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "media", message)
}

/// Takes back what was received and is not wanted.
pub async fn discard(objects: &Objects, staged: &Staged) {
    if let Err(error) = objects.delete(&staged.key).await {
        tracing::warn!(%error, "an upload that is not wanted could not be deleted: it is left to the sweep");
    }
}
