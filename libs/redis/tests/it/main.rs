//! Against a real server, and against none.

mod node;
mod server;
