#![doc = include_str!("../README.md")]

mod extract;
mod sessions;
mod token;

pub use extract::{SignedIn, Viewer};
pub use sessions::{Lookup, Session, Sessions};
pub use token::{Token, TokenHash};
