//! What a service caches and others read: its owner fills and voids it.

use std::time::Duration;

use magnitude_cache::Keyspace;

pub const SOFT: Duration = Duration::from_mins(5);
pub const HARD: Duration = Duration::from_hours(1);
pub const NEGATIVE: Duration = Duration::from_secs(30);

/// One with the usual times to live.
pub const fn keyspace<T>(owner: &'static str, name: &'static str) -> Keyspace<T> {
    Keyspace::new(owner, name, SOFT, HARD, NEGATIVE)
}
