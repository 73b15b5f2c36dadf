//! SQL: one function a statement or transaction. No HTTP.

pub mod collect;
pub mod objects;
pub mod uploads;

/// Every statement, for the test that prepares them against the migrated schema.
pub const STATEMENTS: [&str; 16] = [
    uploads::INSERT,
    uploads::FIND,
    uploads::SETTLE,
    uploads::INSERT_VARIANTS,
    objects::TOUCH,
    objects::TAKE,
    objects::STATE,
    collect::FILLED,
    collect::OLD_UPLOADS,
    collect::REMOVE_UPLOADS,
    collect::OLD_OBJECTS,
    collect::REFERENCED,
    collect::DOOM,
    collect::SPARE,
    collect::FORGET,
    collect::STILL_DOOMED,
];
