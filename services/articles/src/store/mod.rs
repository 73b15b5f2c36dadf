//! SQL: one function a statement or transaction. No HTTP.

pub mod articles;
pub mod comments;
pub mod favorites;
pub mod lists;
pub mod tags;

use magnitude_ids::Id;

/// An id column. Ids are written by this service, so a negative one is a broken row.
pub(crate) fn id(number: i64) -> Result<Id, sqlx::Error> {
    Id::from_i64(number).ok_or_else(|| sqlx::Error::Decode(format!("{number} is no id").into()))
}

pub(crate) fn buckets(ids: &[&Id]) -> Vec<i16> {
    ids.iter().map(|id| id.bucket().as_i16()).collect()
}

pub(crate) fn numbers(ids: &[&Id]) -> Vec<i64> {
    ids.iter().map(|id| id.as_i64()).collect()
}
