//! How many workers a service is to have: more at once, fewer after a calm while.

use std::time::{Duration, Instant};

use serde::Deserialize;

/// `scale` of a topology's `[[workers]]`. The least is its `instances`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub most: u8,
    /// What is due is to be done within so many seconds.
    #[serde(default = "ten")]
    pub clear_s: f64,
    /// A job that has been due for longer asks for one worker more.
    #[serde(default = "five")]
    pub oldest_s: f64,
    /// Workers go when fewer were enough for so many seconds.
    #[serde(default = "minute")]
    pub calm_s: f64,
}

fn ten() -> f64 {
    10.0
}

fn five() -> f64 {
    5.0
}

fn minute() -> f64 {
    60.0
}

/// A lane of a service, as all its workers together tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lane {
    /// Due jobs, those that run included.
    pub depth: f64,
    /// Since when the oldest of them is due.
    pub oldest_s: f64,
    /// How many may run at once.
    pub places: f64,
    pub done_per_s: f64,
}

impl Lane {
    /// How many workers of those that there are, or how many more. Before every place is taken another worker would change nothing, and the rate
    /// says how much comes, not how much could be done.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest number that fits")]
    fn wants(self, workers: u8, limits: &Limits) -> u8 {
        let there_are = f64::from(workers.max(1));
        if self.depth <= self.places {
            return (self.depth * there_are / self.places.max(1.0)).ceil() as u8;
        }
        let clears_in = self.depth / self.done_per_s;
        let by_rate = (there_are * clears_in / limits.clear_s).ceil() as u8;
        let by_age = if self.oldest_s > limits.oldest_s { workers.saturating_add(1) } else { workers };
        by_rate.max(by_age)
    }
}

/// What was decided so far for one service.
#[derive(Debug, Default)]
pub struct Scale {
    /// Since when fewer would do, and the most that would have done since.
    calm: Option<(Instant, u8)>,
}

impl Scale {
    /// How many workers there are to be now.
    pub fn decide(&mut self, lanes: &[Lane], workers: u8, least: u8, limits: &Limits, now: Instant) -> u8 {
        let wanted = lanes.iter().map(|lane| lane.wants(workers, limits)).max().unwrap_or(least).clamp(least, limits.most.max(least));
        if wanted >= workers {
            self.calm = None;
            return wanted;
        }
        let (since, most) = self.calm.map_or((now, wanted), |(since, most)| (since, most.max(wanted)));
        self.calm = Some((since, most));
        if now.duration_since(since) < Duration::from_secs_f64(limits.calm_s.max(0.0)) {
            return workers;
        }
        self.calm = None;
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { most: 4, clear_s: 10.0, oldest_s: 5.0, calm_s: 60.0 };
    const IDLE: Lane = Lane { depth: 0.0, oldest_s: 0.0, places: 16.0, done_per_s: 0.0 };

    fn decide(lane: Lane, workers: u8) -> u8 {
        Scale::default().decide(&[IDLE, lane], workers, 1, &LIMITS, Instant::now())
    }

    #[test]
    fn a_burst_brings_as_many_as_clear_it_in_time() {
        assert_eq!(decide(Lane { depth: 5_000.0, done_per_s: 200.0, ..IDLE }, 1), 3);
        assert_eq!(decide(Lane { depth: 1_000_000.0, done_per_s: 200.0, ..IDLE }, 1), 4, "but not more than may be");
        assert_eq!(decide(Lane { depth: 100.0, ..IDLE }, 1), 4, "before any is done nobody knows");
        assert_eq!(decide(Lane { depth: 1_000.0, done_per_s: 500.0, ..IDLE }, 1), 1, "what goes quickly needs no help");
    }

    #[test]
    fn what_waits_too_long_brings_one_more_unless_there_is_room_for_it() {
        let slow = Lane { depth: 100.0, oldest_s: 6.0, done_per_s: 50.0, ..IDLE };
        assert_eq!(decide(slow, 2), 3);
        assert_eq!(decide(Lane { depth: 10.0, ..slow }, 1), 1);
    }

    #[test]
    fn workers_go_after_a_calm_while_and_as_many_as_were_never_needed_in_it() {
        let (mut scale, begun) = (Scale::default(), Instant::now());
        let mut after = |seconds, depth| {
            let lane = Lane { depth, places: 64.0, ..IDLE };
            scale.decide(&[lane], 4, 1, &LIMITS, begun + Duration::from_secs(seconds))
        };

        assert_eq!(after(0, 0.0), 4);
        assert_eq!(after(30, 20.0), 4);
        assert_eq!(after(59, 0.0), 4);
        assert_eq!(after(60, 0.0), 2);
        assert_eq!(after(61, 64.0), 4, "a busy moment begins the while anew");
        assert_eq!(after(120, 0.0), 4);
        assert_eq!(after(179, 0.0), 4);
        assert_eq!(after(180, 0.0), 1);
    }
}
