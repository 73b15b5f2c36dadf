//! SQL: one function a statement or transaction. No HTTP.

pub mod articles;
pub mod comments;
pub mod favorited;
pub mod favorites;
pub mod lists;
pub mod recount;
mod tagging;
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

/// Every statement but those of recounts, for the test that prepares them against the migrated schema.
pub const STATEMENTS: [&str; 46] = [
    articles::FIND,
    articles::HEADS,
    articles::LOCK,
    articles::NEXT_ID,
    articles::INSERT,
    articles::UPDATE,
    articles::DELETE[0],
    articles::DELETE[1],
    articles::DELETE[2],
    articles::DELETE[3],
    articles::DELETE_FAVORITES,
    articles::COUNT_AUTHOR,
    articles::COUNT_ALL,
    comments::LIST,
    comments::INSERT,
    comments::LOCK,
    comments::DELETE,
    favorited::ALL,
    favorited::BY_AUTHOR,
    favorited::BEFORE,
    favorited::TAGGED,
    favorites::COUNTS,
    favorites::FLAGS,
    favorites::OF_ONE,
    favorites::HOLD,
    favorites::EXISTS,
    favorites::CLOSE,
    favorites::ON,
    favorites::OFF,
    favorites::ADD,
    favorites::FIND,
    favorites::LOCK_FAVORITER,
    favorites::MIRROR,
    lists::ALL,
    lists::BY_TAG,
    lists::BY_AUTHOR,
    lists::BY_AUTHOR_AND_TAG,
    lists::NEWEST,
    lists::FEED,
    tagging::INSERT,
    tagging::DELETE,
    tagging::COUNT,
    tags::TOP,
    tags::ABOVE,
    tags::COUNTS,
    tags::LATEST,
];
