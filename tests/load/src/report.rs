//! What an experiment leaves behind.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::Context;
use serde::Serialize;

#[derive(Serialize)]
pub struct Report {
    pub claim: String,
    pub title: String,
    pub command: String,
    pub versions: BTreeMap<String, String>,
    pub figures: Vec<Figure>,
}

#[derive(Serialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// The most that it may be, or the least. Null: measured and shown, with no figure to reach.
    pub goal: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub least: bool,
    pub reached: Option<bool>,
}

impl Figure {
    pub fn shown(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        // Four digits: more would claim a precision that no run repeats.
        let value = (value * 10_000.0).round() / 10_000.0;
        Self { name: name.into(), value, unit, goal: None, least: false, reached: None }
    }

    /// Reached when the value is no more than the goal.
    pub fn at_most(name: impl Into<String>, value: f64, unit: &'static str, goal: f64) -> Self {
        Self { goal: Some(goal), reached: Some(value <= goal), ..Self::shown(name, value, unit) }
    }

    /// Reached when the value is no less than the goal.
    pub fn at_least(name: impl Into<String>, value: f64, unit: &'static str, goal: f64) -> Self {
        Self { goal: Some(goal), least: true, reached: Some(value >= goal), ..Self::shown(name, value, unit) }
    }

    /// A count of what must not happen at all.
    pub fn none_of(name: impl Into<String>, count: usize) -> Self {
        // Exact up to 2^53.
        #[expect(clippy::cast_precision_loss, reason = "nothing is counted that far")]
        Self::at_most(name, count as f64, "count", 0.0)
    }
}

/// The middle one, or between the two in the middle. There must be one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// `name: value unit (at most goal: reached)`.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.name, self.value, self.unit)?;
        match (self.goal, self.reached) {
            (Some(goal), reached) => {
                let verdict = if reached == Some(true) { "reached" } else { "MISSED" };
                write!(f, " (at {} {goal}: {verdict})", if self.least { "least" } else { "most" })
            }
            (None, _) => Ok(()),
        }
    }
}

impl Report {
    /// Prints one line a figure and writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        for figure in &self.figures {
            println!("{figure}");
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let half = path.with_extension("json.tmp");
        fs::write(&half, serde_json::to_string_pretty(self)? + "\n").with_context(|| format!("{} cannot be written", half.display()))?;
        fs::rename(&half, path).with_context(|| format!("{} cannot be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, median};

    #[test]
    fn a_figure_says_whether_its_goal_was_reached() {
        assert_eq!(Figure::at_most("gap", 1.23456, "s", 2.0).to_string(), "gap: 1.2346 s (at most 2: reached)");
        assert_eq!(Figure::at_least("ratio", 0.5, "", 0.8).to_string(), "ratio: 0.5  (at least 0.8: MISSED)");
        assert_eq!(Figure::none_of("lost", 1).to_string(), "lost: 1 count (at most 0: MISSED)");
        assert_eq!(Figure::shown("rate", 5.0, "1/s").to_string(), "rate: 5 1/s");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
