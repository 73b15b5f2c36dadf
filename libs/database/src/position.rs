use serde::{Deserialize, Serialize};

/// A place in a cluster's log. Positions of different timelines do not compare: the type orders by timeline first, so
/// that a newer history always counts as further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    pub timeline: u32,
    /// The byte of the log, as Postgres' `pg_lsn`.
    pub lsn: u64,
}

impl Position {
    /// From the two numbers that Postgres answers with.
    pub fn from_row(timeline: i32, lsn: i64) -> Self {
        Self { timeline: timeline.cast_unsigned(), lsn: lsn.cast_unsigned() }
    }

    /// Whether a node at this position has replayed all that `needed` covers.
    pub fn covers(self, needed: Self) -> bool {
        self.timeline == needed.timeline && self.lsn >= needed.lsn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_another_timeline_is_never_covered() {
        let here = Position { timeline: 2, lsn: 100 };

        assert!(here.covers(Position { timeline: 2, lsn: 100 }));
        assert!(!here.covers(Position { timeline: 2, lsn: 101 }));
        assert!(!here.covers(Position { timeline: 1, lsn: 1 }));
    }
}
