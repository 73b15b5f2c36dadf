//! Against a real Redis server, with a look-up that stands for the accounts service.

mod accounts;
mod broken;
mod followed;
mod lost;
mod revoked;
#[path = "../../../redis/tests/it/server.rs"]
mod server;
mod wrote;
