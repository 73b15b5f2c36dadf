//! The accounts service on real shards.

mod app;
mod internal;
mod keys;
mod profiles;
mod races;
mod reservations;
mod sessions;
mod statements;
