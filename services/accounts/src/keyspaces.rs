//! What this service caches. It owns all of it: only it fills and voids.

use std::time::Duration;

use magnitude_cache::Keyspace;
use magnitude_contract::accounts::Profile;
use magnitude_ids::Id;

const SOFT: Duration = Duration::from_mins(5);
const HARD: Duration = Duration::from_hours(1);
const NEGATIVE: Duration = Duration::from_secs(30);

/// A user as others see them, by id.
pub static PROFILES: Keyspace<Profile> = Keyspace::new("profile", SOFT, HARD, NEGATIVE);
/// The user that a username leads to, if that user's row names it too.
pub static USERNAMES: Keyspace<Id> = Keyspace::new("username", SOFT, HARD, NEGATIVE);
