//! The README's table of claims, from the reports that runs wrote.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, ensure};
use serde::Deserialize;

const BEGIN: &str = "<!-- claims: written by `make claims` from reports/ -->\n";
const END: &str = "<!-- end of claims -->\n";

#[derive(Deserialize)]
struct Report {
    claim: String,
    title: String,
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    goal: Option<f64>,
    #[serde(default)]
    least: bool,
    reached: Option<bool>,
}

/// Puts the table of what lies in `root/reports` into `root/README.md`; whether that changed it.
pub fn write(root: &Path) -> anyhow::Result<bool> {
    let path = root.join("README.md");
    let before = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let after = fill(&before, &table(&root.join("reports"))?)?;
    if after != before {
        fs::write(&path, &after).with_context(|| path.display().to_string())?;
    }
    Ok(after != before)
}

fn fill(page: &str, table: &str) -> anyhow::Result<String> {
    let (head, rest) = page.split_once(BEGIN).context("README.md has no place for the claims")?;
    let (_, tail) = rest.split_once(END).context("README.md has no end of the claims")?;
    Ok(format!("{head}{BEGIN}{table}{END}{tail}"))
}

/// Reports without a goal are no claims.
fn table(reports: &Path) -> anyhow::Result<String> {
    let mut files: Vec<_> = fs::read_dir(reports)?.map(|file| Ok(file?.path())).collect::<anyhow::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    let mut table = String::from("| claim | measured (goal) |\n|---|---|\n");
    for file in files {
        let text = fs::read_to_string(&file)?;
        let report: Report = serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))?;
        table.push_str(&row(&report)?);
    }
    Ok(table)
}

fn row(report: &Report) -> anyhow::Result<String> {
    let aimed: Vec<_> = report.figures.iter().filter_map(|figure| Some((figure, figure.goal?))).collect();
    if aimed.is_empty() {
        return Ok(String::new());
    }
    ensure!(aimed.iter().all(|(figure, _)| figure.reached.is_some()), "{}: a goal without a verdict", report.claim);
    // What must not happen at all is said once for all that did not.
    let (none, shown): (Vec<_>, Vec<_>) = aimed.into_iter().partition(|(figure, goal)| *goal == 0.0 && figure.value == 0.0);
    let mut cell = format!("[{}](reports/{}.json): {}", report.claim, report.claim, report.title);
    write!(
        cell,
        " | none of: {}",
        none.iter().map(|(figure, _)| figure.name.trim_start_matches("violations: ")).collect::<Vec<_>>().join(", ")
    )?;
    for (figure, goal) in shown {
        let missed = if figure.reached == Some(true) { "" } else { ", **missed**" };
        let bound = if figure.least { "least" } else { "most" };
        write!(cell, "<br>{}: {} {} (at {bound} {goal}{missed})", figure.name, rounded(figure.value), figure.unit)?;
    }
    Ok(format!("| {cell} |\n"))
}

/// Three digits say all that a shared machine can repeat.
fn rounded(value: f64) -> String {
    let decimals = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_what_the_reports_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies two folders deep");
        let page = fs::read_to_string(root.join("README.md")).expect("there is a README");
        let fresh = fill(&page, &table(&root.join("reports")).expect("the reports are well")).expect("it has a place");
        assert!(page == fresh, "`make claims` writes the table anew");
    }

    #[test]
    fn a_missed_goal_is_shown_as_missed() {
        let figure = |name: &str, value, goal, reached| Figure {
            name: name.into(),
            value,
            unit: "s".into(),
            goal: Some(goal),
            least: false,
            reached: Some(reached),
        };
        let figures = vec![figure("lost", 0.0, 0.0, true), figure("gap", 5.125, 5.0, false), figure("other", 101.4, 250.0, true)];
        let report = Report { claim: "failover".into(), title: "it fails over".into(), figures };

        let row = row(&report).expect("every goal has a verdict");

        assert!(row.contains("none of: lost<br>gap: 5.12 s (at most 5, **missed**)<br>other: 101 s (at most 250) |"), "{row}");
    }
}
