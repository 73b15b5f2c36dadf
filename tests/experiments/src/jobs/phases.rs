//! When which faults went on, and whether jobs took effect meanwhile.

use super::{audit::Effects, feed::now};

/// One after the other, in seconds of the Unix clock.
#[derive(Default)]
pub struct Phases(Vec<Phase>);

struct Phase {
    what: &'static str,
    since: f64,
    until: f64,
}

impl Phases {
    /// Ends the one before.
    pub fn begin(&mut self, what: &'static str) {
        self.end();
        self.0.push(Phase { what, since: now(), until: f64::INFINITY });
    }

    pub fn end(&mut self) {
        if let Some(last) = self.0.last_mut() {
            last.until = last.until.min(now());
        }
    }

    /// The longest time of each in which nothing took effect.
    pub fn pauses(&self, effects: &Effects) -> Vec<(&'static str, f64)> {
        let mut all: Vec<f64> = effects.values().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        self.0.iter().map(|phase| (phase.what, phase.longest_pause(&all))).collect()
    }
}

impl Phase {
    fn longest_pause(&self, effects: &[f64]) -> f64 {
        let meanwhile = effects.iter().copied().filter(|at| (self.since..self.until).contains(at));
        let (mut longest, mut last) = (0.0_f64, self.since);
        for at in meanwhile.chain([self.until]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_also_begins_and_ends_with_its_phase() {
        let effects = Effects::from([((1, 2), vec![1.0, 7.0]), ((1, 3), vec![4.0, 9.5])]);
        let phase = |since, until| Phase { what: "faults", since, until };
        let phases = Phases(vec![phase(0.0, 8.0), phase(9.0, 20.0)]);

        assert_eq!(phases.pauses(&effects), [("faults", 3.0), ("faults", 10.5)]);
    }
}
