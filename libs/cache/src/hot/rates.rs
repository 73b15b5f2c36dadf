use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// How many keys are counted at once; of two that meet in a place the one that came first in this second is counted, and the other
/// is merely not kept.
const PLACES: usize = 1 << 14;
const COUNT_BITS: u32 = 12;
const SECOND_BITS: u32 = 16;

/// Counts the reads of each key within the running second. One word a place: 36 bits of the key's hash, 16 of the second, 12 of
/// the count.
#[derive(Debug)]
pub(crate) struct Rates {
    places: Box<[AtomicU64]>,
    began: Instant,
}

impl Rates {
    pub fn new() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(), began: Instant::now() }
    }

    /// Counts a read; how many it makes in this second, the last one's too if that had more.
    pub fn count(&self, hash: u64, now: Instant) -> u32 {
        let place = &self.places[usize::try_from(hash % PLACES as u64).unwrap_or_default()];
        let (key, second) = (hash >> (COUNT_BITS + SECOND_BITS), self.second(now));
        let old = place.load(Ordering::Relaxed);
        let (old_key, old_second, old_count) = unpack(old);
        let age = second.wrapping_sub(old_second) & ((1 << SECOND_BITS) - 1);
        let count = match (old_key == key, age) {
            (true, 0) => (old_count + 1).min((1 << COUNT_BITS) - 1),
            // One that was read often a second ago still is until this second says otherwise.
            (true, 1) if old_count > 1 => old_count / 2,
            (false, 0) => return 0,
            _ => 1,
        };
        // A lost race loses one count of many.
        let _ = place.compare_exchange(old, pack(key, second, count), Ordering::Relaxed, Ordering::Relaxed);
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    fn second(&self, now: Instant) -> u64 {
        // Two ahead: a place that nobody used looks like one of the second 0.
        (now.saturating_duration_since(self.began).as_secs() + 2) & ((1 << SECOND_BITS) - 1)
    }
}

fn pack(key: u64, second: u64, count: u64) -> u64 {
    key << (COUNT_BITS + SECOND_BITS) | second << COUNT_BITS | count
}

fn unpack(word: u64) -> (u64, u64, u64) {
    (word >> (COUNT_BITS + SECOND_BITS), (word >> COUNT_BITS) & ((1 << SECOND_BITS) - 1), word & ((1 << COUNT_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_of_one_second_are_counted_and_forgotten() {
        let (rates, now) = (Rates::new(), Instant::now());
        for count in 1..=60 {
            assert_eq!(rates.count(7 << 30, now), count);
        }
        assert_eq!(rates.count(7 << 30, now + Duration::from_secs(1)), 30, "half of them count on");
        assert_eq!(rates.count(7 << 30, now + Duration::from_secs(3)), 1);
    }

    #[test]
    fn another_key_in_the_same_place_is_not_taken_for_it() {
        let (rates, now) = (Rates::new(), Instant::now());
        rates.count(7 << 30, now);

        assert_eq!(rates.count(8 << 30, now), 0);
        assert_eq!(rates.count(8 << 30, now + Duration::from_secs(2)), 1);
    }
}
