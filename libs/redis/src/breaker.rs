use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// After this many failures in a row nothing is sent for [`OPEN`]; then one command at a time may try again.
const FAILURES: u32 = 5;
const OPEN: Duration = Duration::from_secs(1);

/// Keeps a dead node from costing every request its timeout.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Breaker {
    /// Whether a command may be sent now.
    pub fn allows(&self, now: Instant) -> bool {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        match state.closed_until {
            Some(until) if now < until => false,
            Some(_) => {
                // This one is the probe; the next ones wait for what becomes of it.
                state.closed_until = Some(now + OPEN);
                true
            }
            None => true,
        }
    }

    pub fn succeeded(&self) {
        *self.0.lock().expect("no holder of this lock panics") = State::default();
    }

    pub fn failed(&self, now: Instant) {
        let mut state = self.0.lock().expect("no holder of this lock panics");
        state.failures += 1;
        if state.failures >= FAILURES {
            state.closed_until = Some(now + OPEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_stop_commands_for_a_second_and_one_probe_follows() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(breaker.allows(start));
            breaker.failed(start);
        }
        assert!(!breaker.allows(start));
        assert!(breaker.allows(start + OPEN));
        assert!(!breaker.allows(start + OPEN), "one probe at a time");
        breaker.succeeded();
        assert!(breaker.allows(start + OPEN));
    }
}
