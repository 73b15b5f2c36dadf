//! Figures about how long requests took.

use std::time::Duration;

use super::Event;

/// A part of a run.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: Duration,
    pub to: Duration,
}

/// Sorted.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Window {
    pub(super) fn overlaps(self, event: &Event) -> bool {
        event.start <= self.to && event.end() >= self.from
    }
}

impl Latencies {
    pub fn of(latencies: impl Iterator<Item = Duration>) -> Self {
        let mut latencies: Vec<_> = latencies.collect();
        latencies.sort_unstable();
        Self(latencies)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `share` of all (0 to 1) do not exceed; zero when there are none.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few, and not negative")]
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub fn worst(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

/// As figures show it.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// As figures show it.
#[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^53")]
pub fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_latencies() {
        let latencies = Latencies::of((1..=100).rev().map(Duration::from_millis));

        assert_eq!(latencies.percentile(0.99), Duration::from_millis(99));
        assert_eq!(latencies.worst(), Duration::from_millis(100));
        assert_eq!(Latencies::of(std::iter::empty()).percentile(0.5), Duration::ZERO);
    }
}
