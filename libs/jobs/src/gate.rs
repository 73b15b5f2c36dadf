//! How many jobs of a lane run at once: one more for what goes well, a third less when a part of the system strains.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Strain is answered once in this time, since what runs already tells of the same.
const CALM: Duration = Duration::from_millis(500);
const CUT: f64 = 0.7;
/// So many times its usual time is late, but not below a time that a busy machine explains.
const LATE: f64 = 4.0;
const LATE_AT_LEAST: f64 = 0.1;

pub(crate) struct Gate {
    most: f64,
    // A std lock: held for arithmetic, never across an await.
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    limit: f64,
    running: usize,
    cut_at: Option<Instant>,
    /// Seconds that a kind of job takes when nothing strains. As many as a service has kinds.
    usual: HashMap<String, f64>,
}

/// The right of one job to run.
pub(crate) struct Place(Arc<Gate>);

impl Gate {
    pub fn new(most: u16) -> Arc<Self> {
        let limit = f64::from(most);
        let state = State { limit, running: 0, cut_at: None, usual: HashMap::new() };
        Arc::new(Self { most: limit, state: Mutex::new(state), freed: Notify::new() })
    }

    pub async fn enter(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_enter() {
                return place;
            }
            self.freed.notified().await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state();
        (state.running < state.allowed()).then(|| {
            state.running += 1;
            Place(self.clone())
        })
    }

    /// How many may run, and how many more could start now.
    pub fn room(&self) -> (usize, usize) {
        let state = self.state();
        (state.allowed(), state.allowed().saturating_sub(state.running))
    }

    /// What a job's run says of the system. `strained`: it met a part that is down, or took longer than it may.
    pub fn learn(&self, kind: &str, took: Duration, strained: bool) {
        self.learn_at(Instant::now(), kind, took, strained);
    }

    fn learn_at(&self, now: Instant, kind: &str, took: Duration, strained: bool) {
        let mut state = self.state();
        if strained || state.late(kind, took.as_secs_f64()) {
            state.cut(now);
        } else {
            state.limit = (state.limit + 1.0 / state.limit).min(self.most);
        }
        self.freed.notify_one();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl State {
    /// One always may: else nothing would tell when all is well again.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 1 and a u16")]
    fn allowed(&self) -> usize {
        self.limit.max(1.0) as usize
    }

    fn late(&mut self, kind: &str, took: f64) -> bool {
        let Some(usual) = self.usual.get_mut(kind) else {
            self.usual.insert(kind.to_owned(), took);
            return false;
        };
        let late = took > LATE_AT_LEAST && took > *usual * LATE;
        // Also what is late, or a job that became slower for good would be late for ever; but slowly.
        *usual += (took - *usual) / if late { 128.0 } else { 16.0 };
        late
    }

    fn cut(&mut self, now: Instant) {
        if self.cut_at.is_none_or(|at| now.saturating_duration_since(at) >= CALM) {
            self.limit = (self.limit * CUT).max(1.0);
            self.cut_at = Some(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.state().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_strains_lowers_the_limit_and_what_goes_well_raises_it_again() {
        let (gate, now) = (Gate::new(10), Instant::now());
        for _ in 0..5 {
            gate.learn_at(now, "a", Duration::from_millis(1), true);
        }
        assert_eq!(gate.room().0, 7, "once in a while");
        gate.learn_at(now + CALM, "a", Duration::from_millis(1), true);
        assert_eq!(gate.room().0, 4, "and again after it");

        for _ in 0..200 {
            gate.learn("a", Duration::from_millis(1), false);
        }

        assert_eq!(gate.room().0, 10, "and never more than allowed");
    }

    #[tokio::test]
    async fn what_takes_much_longer_than_usual_strains() {
        let gate = Gate::new(10);
        gate.learn("a", Duration::from_millis(50), false);
        gate.learn("a", Duration::from_millis(150), false);
        assert_eq!(gate.room().0, 10);

        gate.learn("a", Duration::from_secs(1), false);

        assert_eq!(gate.room().0, 7);
    }

    #[tokio::test]
    async fn nobody_enters_past_the_limit_until_somebody_leaves() {
        let gate = Gate::new(1);
        let first = gate.enter().await;
        assert!(gate.try_enter().is_none());
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { drop(gate.enter().await) }
        });

        drop(first);

        waiting.await.unwrap();
    }
}
