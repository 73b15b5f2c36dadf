//! The media service on real shards and a folder of its own, with a stand-in for accounts.

mod accounts;
mod app;
mod bad;
mod collect;
mod confined;
mod images;
mod measure;
mod origin;
mod statements;
mod status;
mod uploads;
