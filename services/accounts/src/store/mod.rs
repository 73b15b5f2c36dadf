//! SQL: one function a statement or transaction. No HTTP.

pub mod names;
pub mod sessions;
pub mod users;

use magnitude_ids::Id;

/// An id column. Ids are written by this service, so a negative one is a broken row.
pub(crate) fn id(number: i64) -> Result<Id, sqlx::Error> {
    Id::from_i64(number).ok_or_else(|| sqlx::Error::Decode(format!("{number} is no id").into()))
}
