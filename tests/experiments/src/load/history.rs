use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context;
use magnitude_ids::Bucket;
use magnitude_load::report::Figure;
use serde::{Serialize, Serializer};

use super::{Kind, Latencies, Outcome, Window, count, millis};

/// What all sessions did, in order of completion, and what they saw that must not be. Times count from its beginning.
#[derive(Debug)]
pub struct History {
    origin: Instant,
    wall: SystemTime,
    // Std locks: held for a push or a copy, never across an await.
    events: Mutex<Vec<Event>>,
    violations: Mutex<Vec<String>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Event {
    pub session: usize,
    pub kind: Kind,
    #[serde(rename = "start_ms", serialize_with = "ms")]
    pub start: Duration,
    #[serde(rename = "took_ms", serialize_with = "ms")]
    pub took: Duration,
    pub bucket: Option<Bucket>,
    /// Who owned the bucket when the load began.
    pub shard: Option<String>,
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub unexpected: bool,
    /// The slug, title or name.
    pub what: String,
    /// Why it is not Ok.
    pub why: String,
}

impl History {
    pub fn new() -> Self {
        Self { origin: Instant::now(), wall: SystemTime::now(), events: Mutex::default(), violations: Mutex::default() }
    }

    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The time of a clock on the wall; what was before the beginning is the beginning.
    pub fn at(&self, wall: SystemTime) -> Duration {
        wall.duration_since(self.wall).unwrap_or_default()
    }

    pub fn add(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Notes at once what a session saw that must not be.
    pub fn violated(&self, sentence: String) {
        eprintln!("violated: {sentence}");
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events that overlap the window and satisfy `which`.
    pub fn select(&self, window: Window, which: impl Fn(&Event) -> bool) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().filter(|event| window.overlaps(event) && which(event)).cloned().collect()
    }

    /// Everything until now.
    pub fn whole(&self) -> Window {
        Window { from: Duration::ZERO, to: self.now() }
    }

    /// The latencies of answered writes.
    pub fn writes(&self, window: Window, which: impl Fn(&Event) -> bool) -> Latencies {
        let writes = self.select(window, |event| event.kind.is_write() && event.outcome == Outcome::Ok && which(event));
        Latencies::of(writes.into_iter().map(|event| event.took))
    }

    pub fn reads(&self, window: Window) -> Latencies {
        Latencies::of(self.select(window, |event| !event.kind.is_write()).into_iter().map(|event| event.took))
    }

    /// The longest time in the window in which no write to the shard was acknowledged, its two ends included.
    pub fn write_gap(&self, shard: &str, window: Window) -> Duration {
        let counts = |event: &Event| event.kind.is_write() && event.outcome == Outcome::Ok && event.shard.as_deref() == Some(shard);
        let mut ends: Vec<_> = self.select(window, counts).into_iter().map(|event| event.end().clamp(window.from, window.to)).collect();
        ends.extend([window.from, window.to]);
        ends.sort_unstable();
        ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default()
    }

    /// Writes that did not happen; a name that another session got is none.
    pub fn failed_writes(&self, window: Window) -> Vec<Event> {
        let lost = |event: &Event| event.kind == Kind::Register && event.status == Some(409);
        self.select(window, |event| event.kind.is_write() && event.outcome == Outcome::Failed && !lost(event))
    }

    pub fn unknown_writes(&self, window: Window) -> Vec<Event> {
        self.select(window, |event| event.outcome == Outcome::Unknown)
    }

    /// Reads that answered anything but 200.
    pub fn failed_reads(&self, window: Window) -> Vec<Event> {
        self.select(window, |event| !event.kind.is_write() && event.outcome != Outcome::Ok)
    }

    pub fn unexpected(&self) -> Vec<Event> {
        self.select(self.whole(), |event| event.unexpected)
    }

    /// How often each kind of operation had each outcome.
    pub fn counts(&self) -> BTreeMap<(Kind, Outcome), usize> {
        let mut counts = BTreeMap::new();
        for event in self.select(self.whole(), |_| true) {
            *counts.entry((event.kind, event.outcome)).or_default() += 1;
        }
        counts
    }

    /// What every experiment shows of its load.
    pub fn figures(&self) -> Vec<Figure> {
        let whole = self.whole();
        let count = |name: &str, events: usize| Figure::shown(name, count(events), "count");
        vec![
            count("acknowledged writes", self.writes(whole, |_| true).count()),
            count("reads", self.reads(whole).count()),
            Figure::shown("worst read", millis(self.reads(whole).worst()), "ms"),
            Figure::none_of("unexpected answers", self.unexpected().len()),
        ]
    }

    /// One JSON object a line.
    pub fn write_file(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let file = fs::File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let mut file = std::io::BufWriter::new(file);
        for event in self.select(self.whole(), |_| true) {
            serde_json::to_writer(&mut file, &event)?;
            file.write_all(b"\n")?;
        }
        Ok(file.flush()?)
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl Event {
    /// One that has no outcome yet.
    pub(super) fn new(session: usize, kind: Kind, bucket: Option<Bucket>, what: &str) -> Self {
        Self {
            session,
            kind,
            start: Duration::ZERO,
            took: Duration::ZERO,
            bucket,
            shard: None,
            outcome: Outcome::Unknown,
            status: None,
            unexpected: false,
            what: what.to_owned(),
            why: String::new(),
        }
    }

    pub fn end(&self) -> Duration {
        self.start + self.took
    }
}

fn ms<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(millis(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(start: u64, took: u64, outcome: Outcome) -> Event {
        let (start, took) = (Duration::from_millis(start), Duration::from_millis(took));
        Event { start, took, outcome, shard: Some("s1".to_owned()), ..Event::new(0, Kind::Publish, None, "") }
    }

    #[test]
    fn a_gap_lies_between_acknowledged_writes_and_the_ends_of_the_window() {
        let history = History::new();
        for event in [write(0, 10, Outcome::Ok), write(100, 10, Outcome::Failed), write(300, 20, Outcome::Ok)] {
            history.add(event);
        }
        let window = |from, to| Window { from: Duration::from_millis(from), to: Duration::from_millis(to) };

        assert_eq!(history.write_gap("s1", window(0, 400)), Duration::from_millis(310));
        assert_eq!(history.write_gap("s1", window(0, 1_000)), Duration::from_millis(680));
        assert_eq!(history.write_gap("s2", window(0, 400)), Duration::from_millis(400));
    }
}
