use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use magnitude_redis::Listener;

/// Keys share a slot when their hashes do: then a change of one ends the copies of both, which costs a read.
const SLOTS: usize = 1 << 16;

/// Counts, for each slot of keys, how often one of them changed. A reader notes the count before it asks Redis, and what it got is
/// believed while the count stays: so a change that is heard before, while or after the copy is made ends it.
#[derive(Debug)]
pub(crate) struct Generations {
    hasher: RandomState,
    slots: Box<[AtomicU32]>,
    /// Counts what ended all copies at once.
    all: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    slot: u32,
    count: u32,
    all: u64,
}

impl Generations {
    pub fn new() -> Self {
        Self { hasher: RandomState::new(), slots: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(), all: AtomicU64::new(0) }
    }

    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    pub fn of(&self, hash: u64) -> Generation {
        let slot = u32::try_from(hash % SLOTS as u64).unwrap_or_default();
        Generation { slot, count: self.slots[slot as usize].load(Ordering::SeqCst), all: self.all.load(Ordering::SeqCst) }
    }

    pub fn is_current(&self, generation: Generation) -> bool {
        self.slots[generation.slot as usize].load(Ordering::SeqCst) == generation.count && self.all.load(Ordering::SeqCst) == generation.all
    }
}

impl Listener for Generations {
    fn changed(&self, key: &[u8]) {
        self.slots[self.of(self.hash(key)).slot as usize].fetch_add(1, Ordering::SeqCst);
    }

    fn lost(&self) {
        self.all.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_ends_the_copies_of_its_key_and_a_lost_connection_ends_all() {
        let generations = Generations::new();
        let of = |key: &[u8]| generations.of(generations.hash(key));
        let (a, b) = (of(b"a"), of(b"b"));

        generations.changed(b"a");
        assert!(!generations.is_current(a));
        assert!(generations.is_current(b) || a.slot == b.slot);

        let a = of(b"a");
        assert!(generations.is_current(a));
        generations.lost();
        assert!(!generations.is_current(a) && !generations.is_current(b));
    }
}
