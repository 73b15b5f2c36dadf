//! Inline runs and the sweeper, against real shards.

mod bench;
mod inline;
mod sweep;
