//! A tiny service in this process, on free ports, asked as a client would.

mod answers;
mod client;
mod operator;
mod process;
mod service;
mod settings;
mod shutdown;
