use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use super::{Generations, RATE, Seen, rates::Rates};

const SHARDS: usize = 32;

/// The copies, found by the key's hash: of two keys with one hash neither is taken for the other, since the name is kept too.
pub(crate) struct Layer {
    pub generations: Arc<Generations>,
    rates: Rates,
    again: Rates,
    shards: Vec<Mutex<Shard>>,
    /// Bytes of payloads that one shard may hold.
    room: usize,
}

#[derive(Default)]
struct Shard {
    copies: HashMap<u64, Copied>,
    bytes: usize,
}

struct Copied {
    key: Box<str>,
    seen: Seen,
    bytes: usize,
}

impl Layer {
    /// Holds at most so many bytes of payloads.
    pub fn new(bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { generations: Arc::new(Generations::new()), rates: Rates::new(), again: Rates::new(), shards, room: bytes / SHARDS }
    }

    pub fn get(&self, key: &str, hash: u64, now: Instant) -> Option<Seen> {
        let shard = self.shard(hash).lock().expect("no holder of this lock panics");
        let copied = shard.copies.get(&hash).filter(|copied| &*copied.key == key)?;
        copied.seen.part.is_live(&self.generations, now).then(|| copied.seen.clone())
    }

    /// Counts a read, answered here or not; whether the key is worth a copy.
    pub fn is_hot(&self, hash: u64, now: Instant) -> bool {
        self.rates.count(hash, now) > RATE
    }

    /// The same without what outlives a change of its key.
    pub fn get_current(&self, key: &str, hash: u64, now: Instant) -> Option<Seen> {
        self.get(key, hash, now).filter(|seen| seen.part.is_current(&self.generations, now))
    }

    /// Counts that a hot key is read anew, since its copy is over; whether that was so often in this second that it changes all the time.
    pub fn is_rushed(&self, hash: u64, now: Instant) -> bool {
        self.again.count(hash, now) > RATE
    }

    /// Keeps a copy whose payload has so many bytes, if there is room: what no longer counts makes some.
    pub fn keep(&self, key: &str, hash: u64, seen: Seen, bytes: usize) {
        let mut guard = self.shard(hash).lock().expect("no holder of this lock panics");
        let shard = &mut *guard;
        if let Some(old) = shard.copies.remove(&hash) {
            shard.bytes -= old.bytes;
        }
        let bytes = bytes + key.len() + size_of::<Copied>();
        if shard.bytes + bytes > self.room {
            let now = Instant::now();
            shard.copies.retain(|_, copied| copied.seen.part.is_live(&self.generations, now));
            shard.bytes = shard.copies.values().map(|copied| copied.bytes).sum();
        }
        if shard.bytes + bytes <= self.room {
            shard.bytes += bytes;
            shard.copies.insert(hash, Copied { key: key.into(), seen, bytes });
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Not the bits that choose the slot of a generation.
        &self.shards[usize::try_from(hash >> 32).unwrap_or_default() % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use magnitude_redis::Listener;

    use super::*;
    use crate::hot::{ENDURED, LIFE, Part};

    fn seen(layer: &Layer, key: &str, asked: Instant) -> Seen {
        let generation = layer.generations.of(layer.generations.hash(key.as_bytes()));
        Seen { value: None, tag: Some(1), part: Part { generation, asked, tracked: true, endures: false } }
    }

    #[test]
    fn a_copy_lives_a_second_or_until_its_key_changes() {
        let (layer, now) = (Layer::new(1 << 20), Instant::now());
        let hash = layer.generations.hash(b"a");
        layer.keep("a", hash, seen(&layer, "a", now), 10);

        assert!(layer.get("a", hash, now).is_some());
        assert!(layer.get("b", hash, now).is_none());
        assert!(layer.get("a", hash, now + LIFE).is_none());
        layer.generations.changed(b"a");
        assert!(layer.get("a", hash, now).is_none());
    }

    #[test]
    fn what_was_read_before_a_change_was_heard_is_no_copy_after_it() {
        let (layer, now) = (Layer::new(1 << 20), Instant::now());
        let hash = layer.generations.hash(b"a");
        let read = seen(&layer, "a", now);

        layer.generations.changed(b"a");
        layer.keep("a", hash, read, 10);

        assert!(layer.get("a", hash, now).is_none());
    }

    #[test]
    fn a_copy_of_what_changes_all_the_time_outlives_a_change_for_a_moment() {
        let (layer, now) = (Layer::new(1 << 20), Instant::now());
        let hash = layer.generations.hash(b"a");
        assert!((0..RATE).all(|_| !layer.is_rushed(hash, now)));
        assert!(layer.is_rushed(hash, now));

        let mut rushed = seen(&layer, "a", now);
        rushed.part.endures = true;
        layer.keep("a", hash, rushed, 10);
        layer.generations.changed(b"a");
        assert!(layer.get("a", hash, now).is_some() && layer.get_current("a", hash, now).is_none());
        assert!(layer.get("a", hash, now + ENDURED).is_none());
    }

    #[test]
    fn a_full_layer_drops_what_is_over_and_else_keeps_nothing_more() {
        let (layer, now) = (Layer::new(SHARDS * 1_000), Instant::now());
        let hash = |key: &str| layer.generations.hash(key.as_bytes());
        let keep = |key: &str| layer.keep(key, hash(key), seen(&layer, key, now), 300);
        // All in one shard.
        let keys: Vec<_> =
            (0..10_000).map(|number| number.to_string()).filter(|key| std::ptr::eq(layer.shard(hash(key)), layer.shard(0))).collect();
        for key in &keys {
            keep(key);
        }
        let kept = keys.iter().filter(|key| layer.get(key, hash(key), now).is_some()).count();
        assert!((1..=3).contains(&kept), "{kept}");

        let newest = &keys[keys.len() - 1];
        assert!(layer.get(newest, hash(newest), now).is_none());
        layer.generations.lost();
        keep(newest);
        assert!(layer.get(newest, hash(newest), now).is_some());
    }
}
