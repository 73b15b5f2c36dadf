//! Against real Redis servers, and against none.

mod limits;
#[path = "../../../redis/tests/it/server.rs"]
mod server;
mod writes;
