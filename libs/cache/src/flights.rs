use std::{
    collections::HashMap,
    mem::take,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot::{Receiver, Sender, channel};

use crate::hot::Seen;

/// One reader at a time asks for a key; the others of this process wait. Who comes while it asks is not answered by it, since its
/// answer may be older than a write that they have heard of: they wait for the next one, who asks once for all of them. So any
/// number of readers make two questions, and nobody gets an answer that was read before they asked.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<Waiting>>);

/// Who waits for the next question about each key that is asked for just now.
type Waiting = HashMap<Arc<str>, Vec<Sender<Turn>>>;

/// What becomes of one that waits.
pub(crate) enum Turn {
    /// Another one's answer, asked for after this one came.
    Seen(Seen),
    /// It asks itself, for all that wait with it.
    Lead(Flight),
    /// The other one had no answer.
    Failed,
}

pub(crate) enum Joined {
    Leads(Flight),
    Waits(Receiver<Turn>),
}

/// The right to ask for one key. Dropped without an answer it goes to one of those that wait.
pub(crate) struct Flight {
    flights: Flights,
    /// Nothing once it was handed on.
    key: Option<Arc<str>>,
    /// They came before it asked.
    members: Vec<Sender<Turn>>,
}

impl Flights {
    pub fn join(&self, key: &str) -> Joined {
        let mut waiting = self.0.lock().expect("no holder of this lock panics");
        if let Some(waiting) = waiting.get_mut(key) {
            let (sender, receiver) = channel();
            waiting.push(sender);
            return Joined::Waits(receiver);
        }
        let key: Arc<str> = key.into();
        waiting.insert(key.clone(), Vec::new());
        Joined::Leads(Flight { flights: self.clone(), key: Some(key), members: Vec::new() })
    }

    /// Those that came since the last flight began; none ends the row of flights.
    fn next(&self, key: &Arc<str>) -> Vec<Sender<Turn>> {
        let mut all = self.0.lock().expect("no holder of this lock panics");
        let waiting = all.get_mut(key).map(take).unwrap_or_default();
        if waiting.is_empty() {
            all.remove(key);
        }
        waiting
    }
}

impl Flight {
    /// Answers all who came before the question.
    pub fn answer(mut self, seen: &Seen) {
        for member in take(&mut self.members) {
            // One that is gone needs no answer.
            let _ = member.send(Turn::Seen(seen.clone()));
        }
    }

    pub fn fail(mut self) {
        for member in take(&mut self.members) {
            let _ = member.send(Turn::Failed);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut members = take(&mut self.members);
        loop {
            let Some(leader) = members.pop() else {
                members = self.flights.next(&key);
                if members.is_empty() {
                    return;
                }
                continue;
            };
            let flight = Self { flights: self.flights.clone(), key: Some(key.clone()), members: take(&mut members) };
            match leader.send(Turn::Lead(flight)) {
                // It is gone: the next of them leads.
                Err(Turn::Lead(mut flight)) => {
                    flight.key = None;
                    members = take(&mut flight.members);
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::hot::{Generations, Part};

    fn seen(tag: u64) -> Seen {
        let generations = Generations::new();
        Seen {
            value: None,
            tag: Some(tag),
            part: Part { generation: generations.of(1), asked: Instant::now(), tracked: false, endures: false },
        }
    }

    fn leads(flights: &Flights) -> Flight {
        match flights.join("k") {
            Joined::Leads(flight) => flight,
            Joined::Waits(_) => panic!("it should lead"),
        }
    }

    fn waits(flights: &Flights) -> Receiver<Turn> {
        match flights.join("k") {
            Joined::Waits(receiver) => receiver,
            Joined::Leads(_) => panic!("it should wait"),
        }
    }

    #[test]
    fn who_comes_during_a_question_is_answered_by_the_next_one() {
        let flights = Flights::default();
        let first = leads(&flights);
        let (mut a, mut b) = (waits(&flights), waits(&flights));

        first.answer(&seen(1));

        let Ok(Turn::Lead(second)) = b.try_recv() else { panic!("the last that came leads") };
        assert!(a.try_recv().is_err(), "not answered by the first");
        second.answer(&seen(2));
        assert!(matches!(a.try_recv(), Ok(Turn::Seen(Seen { tag: Some(2), .. }))));
        drop(leads(&flights));
        assert!(flights.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_cancelled_leader_hands_on_and_those_that_are_gone_are_passed_over() {
        let flights = Flights::default();
        let first = leads(&flights);
        let (mut a, b) = (waits(&flights), waits(&flights));
        drop(b);

        drop(first);

        let Ok(Turn::Lead(second)) = a.try_recv() else { panic!("it leads") };
        second.fail();
        assert!(flights.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_failure_is_told_to_all_who_waited_for_it() {
        let flights = Flights::default();
        let first = leads(&flights);
        let (mut a, mut b) = (waits(&flights), waits(&flights));
        drop(first);
        let Ok(Turn::Lead(second)) = b.try_recv() else { panic!("it leads") };

        second.fail();

        assert!(matches!(a.try_recv(), Ok(Turn::Failed)));
    }
}
