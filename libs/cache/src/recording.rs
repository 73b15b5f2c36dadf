use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use crate::{
    Cache,
    hot::{Layer, Part, Seen},
};

/// What an answer was made of.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    state: Arc<Mutex<State>>,
    /// Its answer was asked for so often that all parts of it are hot, though they were not read meanwhile.
    pub hot: bool,
}

#[derive(Debug)]
struct State {
    parts: Vec<Part>,
    tag: u64,
    whole: bool,
}

impl Recording {
    fn new(hot: bool) -> Self {
        Self { state: Arc::new(Mutex::new(State { parts: Vec::new(), tag: 0, whole: true })), hot }
    }

    pub fn add(&self, seen: &Seen) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.parts.push(seen.part);
        // In whatever order the parts came.
        match seen.tag {
            Some(tag) => state.tag = state.tag.wrapping_add(tag),
            None => state.whole = false,
        }
    }
}

/// The parts of an answer, for as long as they count.
#[derive(Clone)]
pub struct Parts {
    read: Arc<[Part]>,
    /// The same for the same states of the same parts, in every process.
    pub tag: u64,
    layer: Arc<Layer>,
}

impl Parts {
    /// Whether nothing of it has changed, as far as is known, and none is older than a second.
    pub fn are_live(&self, now: Instant) -> bool {
        !self.read.is_empty() && self.read.iter().all(|part| part.is_live(&self.layer.generations, now))
    }
}

impl Cache {
    /// The same cache, which notes what is read through it until [`Cache::recorded`]. `hot` if its answer is asked for often.
    #[must_use]
    pub fn recording(&self, hot: bool) -> Self {
        let cache = Self { recording: Some(Recording::new(hot)), ..self.clone() };
        if self.bypassed {
            cache.spoil();
        }
        cache
    }

    /// The same cache for a session that wrote a moment ago: it skips the copies of this process, which may not have heard yet.
    #[must_use]
    pub fn skipping_copies(&self) -> Self {
        Self { skips_copies: true, ..self.clone() }
    }

    /// The same cache for a session whose last write it could not be told of: every read is a load from a primary, which fills nothing.
    #[must_use]
    pub fn bypassed(&self) -> Self {
        let cache = Self { bypassed: true, ..self.clone() };
        cache.spoil();
        cache
    }

    /// Whether what is asked of others on behalf of this reader must be read around their caches too.
    pub fn is_bypassed(&self) -> bool {
        self.bypassed
    }

    /// For an answer that holds something that was not read through this cache: it has no tag and is not kept.
    pub fn spoil(&self) {
        if let Some(recording) = &self.recording {
            recording.state.lock().expect("no holder of this lock panics").whole = false;
        }
    }

    /// What was read since [`Cache::recording`], unless some of it was not noted.
    pub fn recorded(&self) -> Option<Parts> {
        let state = self.recording.as_ref()?.state.lock().expect("no holder of this lock panics");
        state.whole.then(|| Parts { read: state.parts.as_slice().into(), tag: state.tag, layer: self.hot.clone() })
    }

    /// The tag of what was read since [`Cache::recording`], unless some of it was not noted.
    pub fn recorded_tag(&self) -> Option<u64> {
        let state = self.recording.as_ref()?.state.lock().expect("no holder of this lock panics");
        state.whole.then_some(state.tag)
    }
}
