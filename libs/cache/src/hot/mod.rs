//! Copies in the process of what is read more than [`RATE`] times a second, for a second at most.

mod generations;
mod layer;
mod rates;

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use generations::{Generation, Generations};
pub(crate) use layer::Layer;

/// Reads a second of one key in this process from which on it is kept: what API.md calls hot.
const RATE: u32 = 50;
/// How old a copy may be, whatever was or was not heard.
pub(crate) const LIFE: Duration = Duration::from_secs(1);
/// How old a copy may get that outlives the change of its key.
pub(crate) const ENDURED: Duration = Duration::from_millis(100);

/// What was seen of one key, of whatever type.
#[derive(Clone)]
pub(crate) struct Seen {
    /// Nothing where there is no such thing.
    pub value: Option<Arc<dyn Any + Send + Sync>>,
    /// Tells this state of this key from every other; nothing where that is not known.
    pub tag: Option<u64>,
    pub part: Part,
}

/// How long what was seen may be believed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub generation: Generation,
    /// Before Redis was asked.
    pub asked: Instant,
    /// Whether the server tells of its changes.
    pub tracked: bool,
    /// Whether it outlives changes of its key: so many came that another one would follow before it was of use.
    pub endures: bool,
}

impl Part {
    pub fn is_live(&self, generations: &Generations, now: Instant) -> bool {
        let endures = self.endures && now.saturating_duration_since(self.asked) < ENDURED;
        endures || self.is_current(generations, now)
    }

    /// The same without what outlives a change.
    pub fn is_current(&self, generations: &Generations, now: Instant) -> bool {
        self.tracked && now.saturating_duration_since(self.asked) < LIFE && generations.is_current(self.generation)
    }
}
