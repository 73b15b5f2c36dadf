//! SQL: one function a statement or transaction. No HTTP.

pub mod followers;
pub mod follows;
pub mod mirror;
pub mod notifications;
pub mod recount;

/// Every statement but those of recounts, for the test that prepares them against the migrated schema.
pub const STATEMENTS: [&str; 14] = [
    follows::FOLLOW,
    follows::UNFOLLOW,
    follows::FIND,
    follows::AMONG,
    follows::ALL,
    mirror::APPLY,
    followers::BY_HOME,
    followers::BETWEEN,
    notifications::LIST,
    notifications::MARK_READ,
    notifications::BUNDLE,
    notifications::LEAD,
    notifications::PUBLISH,
    notifications::TRIM,
];
