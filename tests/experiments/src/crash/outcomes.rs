use std::{collections::BTreeMap, time::Duration};

use magnitude_load::report::Figure;

use crate::{
    check::Found,
    load::{count, millis},
    run::Run,
};

/// What came of all kills.
#[derive(Default)]
pub(crate) struct Outcomes {
    /// What the records said after a kill, and how often.
    pub left: BTreeMap<String, usize>,
    pub resumed: usize,
    pub rolled_back: usize,
    pub finished: usize,
    /// The same command again was refused, and `abort` ended the move.
    pub refused: usize,
    /// Moves that went on when a primary failed over.
    pub outlived: usize,
    /// Moves that failed then, and were repeated.
    pub repeated: usize,
    /// The longest until the services had made every bucket writable without any command.
    pub healed: Duration,
    pub violations: Vec<String>,
}

impl Outcomes {
    pub fn figures(self, run: &mut Run) {
        for (left, times) in self.left {
            run.figure(Figure::shown(format!("killed at {left} (source/target)"), count(times), "count"));
        }
        run.figure(Figure::none_of("the same command was refused", self.refused));
        run.figure(Figure::shown("longest until the services had healed it", millis(self.healed), "ms"));
        for (name, times) in [
            ("resumed by the same command", self.resumed),
            ("rolled back by abort", self.rolled_back),
            ("finished by abort", self.finished),
            ("went on after a failover", self.outlived),
            ("failed with a failover and were repeated", self.repeated),
        ] {
            run.figure(Figure::shown(name, count(times), "count"));
        }
        run.found(Found { checker: "after a kill", violations: self.violations });
    }
}
