//! The accounts service on real shards.

mod app;
mod internal;
mod keys;
mod limits;
mod profiles;
mod races;
mod recount;
mod reservations;
mod revocations;
mod sent_again;
mod sessions;
mod statements;
