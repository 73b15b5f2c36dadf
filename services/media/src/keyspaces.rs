//! What this service caches. It owns all of it: only it fills and voids.

use magnitude_cache::{Keyspace, Void};
use magnitude_contract::keyspace;
use magnitude_ids::Id;

use crate::medium::Medium;

/// An upload, by its id.
pub static MEDIA: Keyspace<Medium> = keyspace("media", "medium");

/// All that a new version of an upload makes old.
pub fn voids(upload: Id, version: i64) -> Vec<Void> {
    vec![MEDIA.void(upload.bucket(), upload, version)]
}

/// All that its end makes old.
pub fn end(upload: Id) -> Void {
    MEDIA.drop(upload.bucket(), upload)
}
