//! The social service on real shards, with a stand-in for accounts.
#![expect(clippy::similar_names, reason = "follower and followee are the words of this domain")]

mod accounts;
mod app;
mod follow;
mod internal;
mod mirror;
mod notifications;
mod recount;
mod statements;
