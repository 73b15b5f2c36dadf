use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::rate::Pace;

/// Some 10 MB. Keys that do not fit are not limited.
const MOST: usize = 100_000;
/// How often a full map is looked through for keys that owe nothing any more.
const SWEEP: Duration = Duration::from_secs(1);

/// The limits of this process alone, for as long as Redis does not answer.
#[derive(Debug, Default)]
// A std lock: nothing is awaited while it is held.
pub(crate) struct Local(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By key: when its burst is whole again.
    whole_at: HashMap<String, Instant>,
    swept: Option<Instant>,
}

impl Local {
    /// Charges all of the limits, or none: then the longest wait, and which limit it is of.
    pub fn check(&self, limits: &[(String, Pace)], now: Instant) -> Result<(), (Duration, usize)> {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        let waits = limits.iter().enumerate().map(|(index, (key, pace))| (state.wait(key, *pace, now), index));
        if let Some((wait, index)) = waits.max().filter(|(wait, _)| !wait.is_zero()) {
            return Err((wait, index));
        }
        for (key, pace) in limits {
            state.charge(key, *pace, now);
        }
        Ok(())
    }
}

impl State {
    fn wait(&self, key: &str, pace: Pace, now: Instant) -> Duration {
        let owed = self.whole_at.get(key).map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        owed.saturating_sub(Duration::from_micros(pace.tolerance))
    }

    fn charge(&mut self, key: &str, pace: Pace, now: Instant) {
        let interval = Duration::from_micros(pace.interval);
        if let Some(at) = self.whole_at.get_mut(key) {
            *at = (*at).max(now) + interval;
        } else if self.has_room(now) {
            self.whole_at.insert(key.to_owned(), now + interval);
        } else {
            metrics::counter!("limit_keys_left_out_total").increment(1);
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.whole_at.len() >= MOST && self.swept.is_none_or(|swept| swept + SWEEP <= now) {
            self.whole_at.retain(|_, at| *at > now);
            self.swept = Some(now);
        }
        self.whole_at.len() < MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limit(key: &str, tolerance: u64) -> (String, Pace) {
        (key.to_owned(), Pace { interval: 1_000_000, tolerance })
    }

    #[test]
    fn a_burst_passes_and_then_one_an_interval() {
        let (local, start, limits) = (Local::default(), Instant::now(), [limit("a", 2_000_000)]);
        for _ in 0..3 {
            assert_eq!(local.check(&limits, start), Ok(()));
        }

        assert_eq!(local.check(&limits, start), Err((SECOND, 0)));
        assert_eq!(local.check(&limits, start + SECOND / 2), Err((SECOND / 2, 0)));
        assert_eq!(local.check(&limits, start + SECOND), Ok(()));
        assert_eq!(local.check(&limits, start + SECOND), Err((SECOND, 0)));
    }

    #[test]
    fn what_one_limit_refuses_is_not_charged_to_the_others() {
        let (local, start) = (Local::default(), Instant::now());
        local.check(&[limit("a", 0)], start).unwrap();

        assert_eq!(local.check(&[limit("b", 0), limit("a", 0)], start), Err((SECOND, 1)));

        assert_eq!(local.check(&[limit("b", 0)], start), Ok(()));
    }

    #[test]
    fn a_full_map_takes_new_keys_when_old_ones_owe_nothing() {
        let (local, start) = (Local::default(), Instant::now());
        for key in 0..=MOST {
            local.check(&[limit(&key.to_string(), 0)], start).unwrap();
        }
        assert_eq!(local.0.lock().unwrap().whole_at.len(), MOST);
        let last = limit(&MOST.to_string(), 0);
        assert_eq!(local.check(std::slice::from_ref(&last), start), Ok(()), "what does not fit is let through");

        local.check(std::slice::from_ref(&last), start + SECOND).unwrap();

        assert_eq!(local.check(&[last], start + SECOND), Err((SECOND, 0)));
        assert_eq!(local.0.lock().unwrap().whole_at.len(), 1);
    }
}
