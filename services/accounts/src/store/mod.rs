//! SQL: one function a statement or transaction. No HTTP.

pub mod names;
pub mod recount;
pub mod revocations;
pub mod sessions;
pub mod users;

use magnitude_ids::Id;

/// An id column. Ids are written by this service, so a negative one is a broken row.
pub(crate) fn id(number: i64) -> Result<Id, sqlx::Error> {
    Id::from_i64(number).ok_or_else(|| sqlx::Error::Decode(format!("{number} is no id").into()))
}

/// Every statement but those of recounts, for the test that prepares them against the migrated schema.
pub const STATEMENTS: [&str; 26] = [
    names::INSERT,
    names::FIND_IN,
    names::FIND,
    names::CONFIRM,
    names::FREE,
    names::RELEASE,
    names::FORGET_REGISTRATIONS,
    names::EXPIRED,
    revocations::SINCE,
    revocations::FORGET,
    sessions::INSERT,
    sessions::FIND,
    sessions::LIST,
    sessions::TOUCH,
    sessions::IS_LIVE,
    sessions::REVOKE,
    sessions::REVOKE_OTHERS,
    sessions::DELETE_ENDED,
    users::INSERT,
    users::FIRST,
    users::FORGET_FIRST,
    users::FIND,
    users::FIND_MANY,
    users::IMAGES,
    users::LOCK,
    users::UPDATE,
];
