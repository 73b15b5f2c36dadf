//! What this service caches. It owns all of it: only it fills and voids. What others read of it is named in `contract`.

use magnitude_cache::{Keyspace, Void};
pub use magnitude_contract::accounts::{PROFILE as PROFILES, USERNAME as USERNAMES};
use magnitude_contract::keyspace;
use magnitude_ids::Id;

use crate::account::Account;

/// What a user is told of oneself, by id.
pub static ACCOUNTS: Keyspace<Account> = keyspace("accounts", "account");

/// All that a new version of a user makes old, names apart.
pub fn voids(user: Id, version: i64) -> Vec<Void> {
    vec![PROFILES.void(user.bucket(), user, version), ACCOUNTS.void(user.bucket(), user, version)]
}
