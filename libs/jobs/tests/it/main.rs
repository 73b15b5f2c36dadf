//! Inline runs and the sweeper, against real shards.

mod bench;
mod cursor;
mod inline;
mod sweep;
