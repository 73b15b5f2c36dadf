//! What this service caches. It owns all of it: only it fills and voids. Others read it, so it is named in `contract`.

use magnitude_cache::Void;
pub use magnitude_contract::social::{FOLLOW, FOLLOWED, follow_key};
use magnitude_ids::Id;

/// All that a change of who follows whom makes old.
pub fn voids(follower: Id, followee: Id, version: i64) -> Vec<Void> {
    let (bucket, key) = follow_key(follower, followee);
    vec![FOLLOW.void(bucket, key, version), FOLLOWED.drop(bucket, follower)]
}
