//! What an experiment leaves behind.

use std::{collections::BTreeMap, fs, path::Path};

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
    /// Null: measured and shown, with no figure to reach.
    pub goal: Option<f64>,
    pub reached: Option<bool>,
}

impl Figure {
    pub fn shown(name: String, value: f64, unit: &'static str) -> Self {
        // Four digits: more would claim a precision that no run repeats.
        let value = (value * 10_000.0).round() / 10_000.0;
        Self { name, value, unit, goal: None, reached: None }
    }
}

impl Report {
    /// Prints one line a figure and writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        for figure in &self.figures {
            println!("{}: {} {}", figure.name, figure.value, figure.unit);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        let half = path.with_extension("json.tmp");
        fs::write(&half, serde_json::to_string_pretty(self)? + "\n").with_context(|| format!("{} cannot be written", half.display()))?;
        fs::rename(&half, path).with_context(|| format!("{} cannot be written", path.display()))
    }
}
