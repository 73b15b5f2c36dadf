//! The accounts service on real shards.

mod statements;
