#![doc = include_str!("../README.md")]

mod answer;
mod origin;
mod point;
mod thing;

pub use answer::{Answer, Line, ask, ask_as_it_is};
pub use origin::{Mood, Origin};
pub use point::{Point, SECRET};
pub use thing::{Thing, hash};
