//! What all experiments share: the options, the stack, and the end of a run.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context, ensure};
use clap::Args;
use magnitude_load::{
    report::{Figure, Report},
    stack::Stack,
    versions,
};

use crate::{
    check::{self, Found},
    databases::Databases,
    load::Record,
    owners::Owners,
};

/// Where a short run reports to, and every run's history lies.
const SHORT: &str = ".stack/reports";

#[derive(Args, Clone, Debug)]
pub struct Options {
    /// How often the fault is injected; each experiment has a number of its own
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Repeats what was drawn at random in a run that printed it
    #[arg(long)]
    pub seed: Option<u64>,
    /// A few rounds, reported to .stack/reports
    #[arg(long)]
    pub short: bool,
}

/// A run under way.
pub struct Run {
    pub options: Options,
    pub seed: u64,
    name: &'static str,
    title: &'static str,
    folder: PathBuf,
    begun: Instant,
    /// Held while an instance of a service is down: one at a time.
    pub instances: tokio::sync::Mutex<()>,
    faults: AtomicUsize,
    figures: Vec<Figure>,
    violations: Vec<String>,
}

impl Run {
    /// `name` is the claim's; `title` its sentence.
    pub fn begin(name: &'static str, title: &'static str, options: &Options) -> Self {
        let seed = options.seed.unwrap_or_else(rand::random);
        println!("{name}: --seed {seed}");
        let (options, folder) = (options.clone(), folder());
        Self {
            options,
            seed,
            name,
            title,
            folder,
            begun: Instant::now(),
            instances: tokio::sync::Mutex::default(),
            faults: AtomicUsize::new(0),
            figures: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// How often, unless the command says otherwise.
    pub fn rounds(&self, long: usize, short: usize) -> usize {
        self.options.rounds.unwrap_or(if self.options.short { short } else { long })
    }

    /// The stack as it is described now; shards may be added while it runs.
    pub fn stack(&self) -> anyhow::Result<Stack> {
        Stack::read(&self.folder.join("test.json"))
    }

    pub fn databases(&self) -> anyhow::Result<Databases> {
        Ok(Databases::of(&self.stack()?))
    }

    pub async fn owners(&self) -> anyhow::Result<Owners> {
        Owners::read(&self.databases()?).await
    }

    /// The folder of the stack's state.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does something to the stack, on a thread that may block.
    pub async fn control<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut magnitude_stack::Stack) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || work(&mut magnitude_stack::Stack::open(&folder)?)).await.context("the runner panicked")?
    }

    /// Notes that a fault was injected: a run without any proves nothing.
    pub fn fault(&self, what: &str) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.tell(what);
    }

    /// Says what goes on, and when.
    pub fn tell(&self, what: &str) {
        println!("{:7.1} s  {what}", self.begun.elapsed().as_secs_f32());
    }

    pub fn figure(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// What must never happen was seen.
    pub fn violated(&mut self, sentence: &str) {
        self.violations.push(sentence.to_owned());
    }

    /// What a checker found becomes a figure whose goal is none.
    pub fn found(&mut self, found: Found) {
        self.figure(Figure::none_of(format!("violations: {}", found.checker), found.violations.len()));
        self.violations.extend(found.violations.into_iter().map(|sentence| format!("{}: {sentence}", found.checker)));
    }

    /// Runs every checker on what the load left, and keeps its history.
    pub async fn check(&mut self, record: &Record) -> anyhow::Result<()> {
        for found in check::all(&self.databases()?, record).await? {
            self.found(found);
        }
        let unexpected = record.history.unexpected();
        self.violations.extend(unexpected.iter().map(|event| format!("unexpected: {:?} of {}: {}", event.kind, event.what, event.why)));
        self.figures.extend(record.history.figures());
        for ((kind, outcome), count) in record.history.counts() {
            eprintln!("{kind:?} {outcome:?}: {count}");
        }
        record.history.write_file(&Path::new(SHORT).join(format!("{}.history.jsonl", self.name)))
    }

    /// Writes the report. Fails when something was lost, stale, doubled or wrongly accepted, or no fault was injected; a missed speed is
    /// only reported.
    pub async fn end(self) -> anyhow::Result<()> {
        let path = Path::new(if self.options.short { SHORT } else { "reports" }).join(format!("{}.json", self.name));
        let rounds = self.options.rounds.map(|rounds| format!(" --rounds {rounds}")).unwrap_or_default();
        let short = if self.options.short { " --short" } else { "" };
        let report = Report {
            claim: self.name.to_owned(),
            title: self.title.to_owned(),
            command: format!("experiment {}{rounds} --seed {}{short}", self.name, self.seed),
            versions: versions::of(&self.stack()?).await,
            figures: self.figures,
        };
        report.write(&path)?;
        for sentence in &self.violations {
            eprintln!("VIOLATED {sentence}");
        }
        verdict(self.faults.into_inner(), self.violations.len()).with_context(|| format!("--seed {} repeats what was drawn", self.seed))
    }
}

fn verdict(faults: usize, violations: usize) -> anyhow::Result<()> {
    ensure!(faults > 0, "no fault was injected: the run proves nothing");
    ensure!(violations == 0, "{violations} violations");
    Ok(())
}

/// The stack that this process is told of.
pub fn described() -> anyhow::Result<Stack> {
    Stack::read(&folder().join("test.json"))
}

/// Beside the description that tests are given, else where `stack` looks.
fn folder() -> PathBuf {
    let described = std::env::var_os("MAGNITUDE_TEST_STACK").map(PathBuf::from);
    let beside = described.and_then(|file| file.parent().map(Path::to_path_buf));
    beside.or_else(|| std::env::var_os("STACK_DIR").map(PathBuf::from)).unwrap_or_else(|| PathBuf::from(".stack"))
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn a_run_fails_without_faults_and_with_violations() {
        assert!(verdict(0, 0).is_err());
        assert!(verdict(1, 1).is_err());
        assert!(verdict(1, 0).is_ok());
    }
}
