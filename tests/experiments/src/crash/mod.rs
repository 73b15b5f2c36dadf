//! One killed move: stopped at a step, looked at, and brought to its end.

mod outcomes;
mod round;
mod sides;

pub(crate) use outcomes::Outcomes;
pub(crate) use round::{Crash, Way};
pub(crate) use sides::{Kill, NOTHING, Sides};
