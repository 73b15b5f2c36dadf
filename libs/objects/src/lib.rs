#![doc = include_str!("../README.md")]

mod error;
mod hash;
mod key;
mod list;
mod local;
mod objects;
mod read;
mod settings;
mod upload;

pub use error::Error;
pub use hash::Hash;
pub use key::Key;
pub use list::Entry;
pub use objects::Objects;
pub use read::{About, Object};
pub use settings::Settings;
pub use upload::Upload;
