use serde::{Deserialize, Serialize};

/// `[limits]` of a service.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Instances of this service, which share every limit while Redis does not answer.
    pub instances: u32,
    /// Multiplies every rate and burst.
    pub factor: f64,
    pub writes_per_user: Rate,
    pub writes_per_address: Rate,
}

impl Settings {
    /// For a process on its own, which limits nobody.
    pub const UNLIMITED: Self = Self { instances: 1, factor: 1.0, writes_per_user: Rate::UNLIMITED, writes_per_address: Rate::UNLIMITED };
}

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub per_second: f64,
    pub burst: f64,
}

/// A rate in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What one request costs.
    pub interval: u64,
    /// How much more than nothing may be owed for a request to pass.
    pub tolerance: u64,
}

const SECOND: f64 = 1_000_000.0;
/// Less than one in a day is no rate, and numbers beyond would not be exact in Redis.
const LONGEST: f64 = 24.0 * 3600.0 * SECOND;

impl Rate {
    /// Nobody reaches it: for tests and measurements.
    pub const UNLIMITED: Self = Self { per_second: 1e6, burst: 1e6 };

    /// What is wrong with it, if anything.
    pub fn problem(self) -> Option<&'static str> {
        let good = self.per_second.is_finite() && self.per_second > 0.0 && self.burst.is_finite() && self.burst >= 1.0;
        (!good).then_some("per_second must be more than 0, and burst at least 1")
    }

    /// One part of `parts`, at least one request at a time.
    pub(crate) fn pace(self, factor: f64, parts: f64) -> Pace {
        let interval = (SECOND * parts / (self.per_second * factor)).clamp(1.0, LONGEST);
        let more = (self.burst * factor / parts).max(1.0) - 1.0;
        Pace { interval: whole(interval), tolerance: whole((interval * more).min(LONGEST)) }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a day")]
fn whole(microseconds: f64) -> u64 {
    microseconds.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_rate_and_burst_and_never_nothing() {
        let rate = Rate { per_second: 10.0, burst: 6.0 };

        assert_eq!(rate.pace(1.0, 1.0), Pace { interval: 100_000, tolerance: 500_000 });
        assert_eq!(rate.pace(1.0, 2.0), Pace { interval: 200_000, tolerance: 400_000 });
        assert_eq!(rate.pace(1.0, 100.0), Pace { interval: 10_000_000, tolerance: 0 });
        assert_eq!(rate.pace(10.0, 1.0), Pace { interval: 10_000, tolerance: 590_000 });
    }

    #[test]
    fn what_is_no_rate_is_told() {
        for (per_second, burst) in [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, 0.0), (1.0, f64::NAN)] {
            assert!(Rate { per_second, burst }.problem().is_some(), "{per_second} {burst}");
        }
    }
}
