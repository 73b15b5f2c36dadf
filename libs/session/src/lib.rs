#![doc = include_str!("../README.md")]

mod extract;
mod follow;
mod lookup;
mod mark;
mod revoked;
mod sessions;
mod token;

pub use extract::{Refusal, SignedIn, Viewer};
pub use follow::{News, Revocations};
pub use lookup::Lookup;
pub use mark::{mark_writes, untold};
pub use sessions::{Session, Sessions};
pub use token::{Token, TokenHash};
