//! The social service on real shards, with a stand-in for accounts.

mod accounts;
mod app;
mod follow;
mod internal;
mod mirror;
mod statements;
