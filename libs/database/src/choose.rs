//! Which node may do what, from what the nodes said of themselves: plain functions, so that every case can be told.

use crate::{Position, Role, State};

/// Who answers a read that needs what the primary has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Primary(usize),
    /// The standby that has received most, once it has replayed that.
    Standby {
        node: usize,
        received: Position,
    },
}

/// The node that takes writes: of several that say so, the one on the newest timeline. It need not be confirmed: its commits wait for a
/// second copy, so those of a node that was failed over never succeed. `newest` is the newest timeline ever seen.
pub(crate) fn writer(states: &[Option<State>], newest: u32) -> Option<usize> {
    let claims = known(states).filter(|(_, state)| state.role == Role::Primary && state.position.timeline >= newest);
    claims.max_by_key(|(_, state)| state.position).map(|(node, _)| node)
}

/// A primary is believed if it is confirmed, or further than all others, having just taken over. Failing that, every commit that was
/// acknowledged is on one of the standbys, so the one that has received most has it, if none is silent but the primary's node.
pub(crate) fn reader(states: &[Option<State>], newest: u32) -> Option<Source> {
    if let Some(node) = writer(states, newest) {
        let primary = states[node]?;
        let took_over = known(states).count() >= majority(states)
            && known(states).all(|(other, state)| other == node || state.position.timeline < primary.position.timeline);
        if primary.confirmed || took_over {
            return Some(Source::Primary(node));
        }
    }
    let standbys: Vec<_> = known(states).filter(|(_, state)| state.role == Role::Replica).collect();
    if standbys.is_empty() || standbys.len() + 1 < states.len() {
        return None;
    }
    let (node, state) = standbys.into_iter().max_by_key(|(_, state)| state.received)?;
    Some(Source::Standby { node, received: state.received })
}

/// The replicas that have replayed `needed`, or any if that is nothing, along the history that counts.
pub(crate) fn replicas(states: &[Option<State>], newest: u32, needed: Option<Position>) -> Vec<usize> {
    let fit = |state: &State| {
        state.role == Role::Replica && state.position.timeline == newest && needed.is_none_or(|needed| state.position.covers(needed))
    };
    known(states).filter(|(_, state)| fit(state)).map(|(node, _)| node).collect()
}

fn known(states: &[Option<State>]) -> impl Iterator<Item = (usize, State)> {
    states.iter().enumerate().filter_map(|(node, state)| Some((node, (*state)?)))
}

fn majority(states: &[Option<State>]) -> usize {
    states.len() / 2 + 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "stands beside nodes that did not answer")]
    fn at(role: Role, timeline: u32, lsn: u64) -> Option<State> {
        let position = Position { timeline, lsn };
        Some(State { role, position, received: position, lag: Duration::ZERO, confirmed: false, system: 1 })
    }

    fn primary(timeline: u32, lsn: u64) -> Option<State> {
        at(Role::Primary, timeline, lsn)
    }

    fn replica(timeline: u32, lsn: u64) -> Option<State> {
        at(Role::Replica, timeline, lsn)
    }

    fn confirmed(state: Option<State>) -> Option<State> {
        state.map(|state| State { confirmed: true, ..state })
    }

    #[test]
    fn of_two_primaries_the_one_on_the_newer_timeline_writes() {
        assert_eq!(writer(&[primary(1, 900), primary(2, 500), replica(2, 500)], 2), Some(1));
        assert_eq!(writer(&[primary(2, 500), primary(1, 900), replica(2, 500)], 2), Some(0));
    }

    #[test]
    fn a_primary_of_a_timeline_that_was_left_is_none() {
        assert_eq!(writer(&[primary(1, 900), None, None], 2), None);
        assert_eq!(reader(&[confirmed(primary(1, 900)), None, None], 2), None);
    }

    #[test]
    fn a_confirmed_primary_is_read() {
        assert_eq!(reader(&[confirmed(primary(1, 900)), None, None], 1), Some(Source::Primary(0)));
    }

    #[test]
    fn a_primary_to_which_no_replica_answers_is_not_believed() {
        let read = reader(&[primary(1, 900), replica(1, 500), replica(1, 700)], 1);

        assert_eq!(read, Some(Source::Standby { node: 2, received: Position { timeline: 1, lsn: 700 } }));
    }

    #[test]
    fn without_a_primary_the_standby_that_received_most_is_read() {
        let read = reader(&[None, replica(1, 700), replica(1, 500)], 1);

        assert_eq!(read, Some(Source::Standby { node: 1, received: Position { timeline: 1, lsn: 700 } }));
    }

    #[test]
    fn without_a_primary_one_standby_alone_proves_nothing() {
        assert_eq!(reader(&[None, replica(1, 700), None], 1), None);
    }

    #[test]
    fn a_node_that_just_took_over_is_believed_before_a_replica_follows_it() {
        assert_eq!(reader(&[None, primary(2, 700), replica(1, 600)], 2), Some(Source::Primary(1)));
        assert_eq!(reader(&[None, primary(2, 700), None], 2), None);
    }

    #[test]
    fn replicas_of_another_history_or_behind_are_left_out() {
        let states = [confirmed(primary(2, 900)), replica(1, 950), replica(2, 800)];
        let needed = |timeline, lsn| Some(Position { timeline, lsn });

        assert_eq!(replicas(&states, 2, None), [2]);
        assert_eq!(replicas(&states, 2, needed(2, 800)), [2]);
        assert!(replicas(&states, 2, needed(2, 801)).is_empty());
        assert!(replicas(&states, 2, needed(1, 10)).is_empty());
    }
}
