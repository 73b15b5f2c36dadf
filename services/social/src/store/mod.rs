//! SQL: one function a statement or transaction. No HTTP.

pub mod follows;
pub mod mirror;

/// Every statement, for the test that prepares them against the migrated schema.
pub const STATEMENTS: [&str; 6] = [follows::FOLLOW, follows::UNFOLLOW, follows::FIND, follows::AMONG, follows::ALL, mirror::APPLY];
