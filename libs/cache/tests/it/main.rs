//! Against a real Redis server, with stamps that are made up. Two values of `Cache` stand for two processes.

mod down;
mod fills;
mod fixture;
mod flights;
mod foreign;
mod garbage;
mod groups;
mod hot;
mod leases;
mod nodes;
#[path = "../../../redis/tests/it/server.rs"]
mod server;
mod stamps;
