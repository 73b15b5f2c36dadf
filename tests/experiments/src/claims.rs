//! The README's tables, from the reports that runs wrote.

use std::{fs, path::Path};

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A table's place in the README.
struct Place {
    begin: &'static str,
    end: &'static str,
}

const CLAIMS: Place = Place { begin: "<!-- claims: written by `make claims` from reports/ -->\n", end: "<!-- end of claims -->\n" };
const FOOTPRINT: Place =
    Place { begin: "<!-- footprint: written by `make claims` from reports/footprint.json -->\n", end: "<!-- end of footprint -->\n" };

const CONTAINERS: Place = Place {
    begin: "<!-- containers: written by `make claims` from reports/containers-footprint.json -->\n",
    end: "<!-- end of containers -->\n",
};

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

/// Puts the tables of what lies in `root/reports` into `root/README.md`; whether that changed it.
pub fn write(root: &Path) -> anyhow::Result<bool> {
    let path = root.join("README.md");
    let before = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let after = filled(&before, &root.join("reports"))?;
    if after != before {
        fs::write(&path, &after).with_context(|| path.display().to_string())?;
    }
    Ok(after != before)
}

fn filled(page: &str, reports: &Path) -> anyhow::Result<String> {
    let page = CLAIMS.fill(page, &table(reports)?)?;
    let page = FOOTPRINT.fill(&page, &footprint(&reports.join("footprint.json"))?)?;
    CONTAINERS.fill(&page, &footprint(&reports.join("containers-footprint.json"))?)
}

impl Place {
    fn fill(&self, page: &str, table: &str) -> anyhow::Result<String> {
        let Self { begin, end } = self;
        let (head, rest) = page.split_once(begin).with_context(|| format!("README.md lacks {begin}"))?;
        let (_, tail) = rest.split_once(end).with_context(|| format!("README.md lacks {end}"))?;
        Ok(format!("{head}{begin}{table}{end}{tail}"))
    }
}

fn read(file: &Path) -> anyhow::Result<Report> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))
}

fn footprint(report: &Path) -> anyhow::Result<String> {
    let rows = read(report)?.figures.into_iter().map(|figure| format!("| {} | {} {} |\n", figure.name, rounded(figure.value), figure.unit));
    Ok(format!("| | |\n|---|---|\n{}", rows.collect::<String>()))
}

/// Reports without a goal are no claims.
fn table(reports: &Path) -> anyhow::Result<String> {
    let mut files: Vec<_> = fs::read_dir(reports)?.map(|file| Ok(file?.path())).collect::<anyhow::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    let mut table = String::from("| claim | measured (goal) |\n|---|---|\n");
    for file in files {
        table.push_str(&row(&read(&file)?)?);
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
    let none: Vec<_> = none.iter().map(|(figure, _)| figure.name.trim_start_matches("violations: ")).collect();
    let none = (!none.is_empty()).then(|| format!("none of: {}", none.join(", ")));
    let measured: Vec<_> = none.into_iter().chain(shown.into_iter().map(|(figure, goal)| beside(figure, goal))).collect();
    Ok(format!("| [{}](reports/{}.json): {} | {} |\n", report.claim, report.claim, report.title, measured.join("<br>")))
}

fn beside(figure: &Figure, goal: f64) -> String {
    let missed = if figure.reached == Some(true) { "" } else { ", **missed**" };
    let bound = if figure.least { "least" } else { "most" };
    format!("{}: {} {} (at {bound} {goal}{missed})", figure.name, rounded(figure.value), figure.unit)
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
        let fresh = filled(&page, &root.join("reports")).expect("the reports are well, and have their places");
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
