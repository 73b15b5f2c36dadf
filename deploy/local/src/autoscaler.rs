//! The node that adds and removes workers, by what they tell of their lanes themselves.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::metrics::{Sample, samples};
use crate::probe::http_get;
use crate::program::Program;
use crate::scale::{Lane, Limits, Scale};
use crate::service::binary;
use crate::stack::Stack;
use crate::topology::{Kind, Node, Worker};

const EVERY: Duration = Duration::from_secs(1);
/// Over which jobs that were done are counted: short, so that a burst shows, but several looks long.
const WINDOW: Duration = Duration::from_secs(5);
/// Nothing was looked at for so long: it hangs, or waits for a worker to come or to end.
const STALE: Duration = Duration::from_secs(30);

/// What was seen and decided of a service's workers at the last look.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scaled {
    pub workers: u8,
    pub wanted: u8,
    /// Due jobs of all lanes that do not rest.
    pub due: f64,
    pub oldest_s: f64,
    pub done_per_s: f64,
}

/// What is remembered of one service between two looks.
#[derive(Default)]
struct Group {
    scale: Scale,
    /// Jobs done so far, by worker and kind: a worker that started anew counts from nothing.
    last: BTreeMap<(String, String), f64>,
    done: BTreeMap<String, Done>,
}

/// Jobs of a lane that were done, at the looks of the last while.
#[derive(Default)]
struct Done {
    total: f64,
    looks: VecDeque<(Instant, f64)>,
}

impl Done {
    /// Adds those of a look; returns how many a second there were.
    fn add(&mut self, more: f64, now: Instant) -> f64 {
        self.total += more;
        self.looks.push_back((now, self.total));
        while self.looks.len() > 2 && now.duration_since(self.looks[1].0) >= WINDOW {
            self.looks.pop_front();
        }
        let (since, before) = self.looks[0];
        let seconds = now.duration_since(since).as_secs_f64();
        if seconds > 0.0 { (self.total - before) / seconds } else { 0.0 }
    }
}

impl Group {
    /// What the workers' metrics say together of every lane that does not rest. Each tells the same of the rows; its places are its own.
    fn lanes(&mut self, told: &[(String, String)], now: Instant) -> Vec<Lane> {
        let mut lanes = BTreeMap::<&str, (Lane, f64, bool)>::new();
        for (worker, text) in told {
            for Sample { name, labels, value } in samples(text) {
                let Some((lane, new, rests)) = labels.get("lane").map(|lane| lanes.entry(lane).or_insert((EMPTY, 0.0, false))) else {
                    continue;
                };
                match name {
                    "jobs_depth" => lane.depth = lane.depth.max(value),
                    "jobs_oldest_due_seconds" => lane.oldest_s = lane.oldest_s.max(value),
                    "jobs_places" => lane.places += value,
                    "jobs_paused" => *rests |= value > 0.0,
                    "jobs_total" if labels.get("outcome") == Some(&"done") => {
                        let series = (worker.clone(), format!("{labels:?}"));
                        let before = self.last.insert(series, value).filter(|before| *before <= value);
                        *new += value - before.unwrap_or(0.0);
                    }
                    _ => {}
                }
            }
        }
        let mut all = vec![];
        for (name, (lane, new, rests)) in lanes {
            let done_per_s = self.done.entry(name.to_owned()).or_default().add(new, now);
            if !rests {
                all.push(Lane { done_per_s, ..lane });
            }
        }
        all
    }
}

const EMPTY: Lane = Lane { depth: 0.0, oldest_s: 0.0, places: 0.0, done_per_s: 0.0 };

/// Looks once a second, until it is ended.
pub fn autoscale(folder: &Path) -> Result<()> {
    let mut groups = BTreeMap::<String, Group>::new();
    loop {
        let begun = Instant::now();
        if let Err(error) = look(&mut Stack::open(folder)?, &mut groups) {
            eprintln!("autoscaler: {error:#}");
        }
        thread::sleep(EVERY.saturating_sub(begun.elapsed()));
    }
}

fn look(stack: &mut Stack, groups: &mut BTreeMap<String, Group>) -> Result<()> {
    let mut seen = BTreeMap::new();
    for worker in stack.topology.workers.clone() {
        let Some(limits) = &worker.scale else { continue };
        let scaled = stack.look_at(&worker, limits, groups.entry(worker.group()).or_default());
        seen.insert(worker.group(), scaled);
    }
    // Before anything is done about it: that takes its time.
    crate::files::write(&stack.scaled_file(), &serde_json::to_vec(&seen)?, 0o644)?;
    seen.iter().try_for_each(|(group, scaled)| stack.scale(group, scaled))
}

impl Stack {
    pub(crate) fn autoscaler_program(&self, node: &Node) -> Result<Program> {
        let cwd = self.data(&node.name);
        fs::create_dir_all(&cwd)?;
        let env = BTreeMap::from([("STACK_DIR".to_owned(), self.folder.display().to_string())]);
        Ok(Program { path: binary("stack")?, args: vec!["autoscale".into()], env, cwd, ..Program::default() })
    }

    pub(crate) fn autoscaler_ready(&self) -> bool {
        let written = fs::metadata(self.scaled_file()).and_then(|file| file.modified());
        written.is_ok_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() < STALE)
    }

    /// What the autoscaler saw at its last look, by group of workers; nothing while there is none.
    pub fn scaled(&self) -> BTreeMap<String, Scaled> {
        fs::read(self.scaled_file())
            .ok()
            .filter(|_| self.autoscaler_ready())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn scaled_file(&self) -> PathBuf {
        self.folder.join("run/scaled.json")
    }

    fn look_at(&self, worker: &Worker, limits: &Limits, group: &mut Group) -> Scaled {
        let nodes = self.group(Kind::Worker, &worker.group());
        let metrics = |node: &Node| http_get(node.operator(), "/metrics").filter(|(status, _)| *status == 200);
        let told: Vec<_> = nodes.iter().filter_map(|node| Some((node.name.clone(), metrics(node)?.1))).collect();
        let (workers, now) = (u8::try_from(nodes.len()).unwrap_or(u8::MAX), Instant::now());
        let lanes = group.lanes(&told, now);
        // Of those that are down nobody knows what they would say.
        let wanted = if told.is_empty() { workers } else { group.scale.decide(&lanes, workers, worker.instances, limits, now) };
        Scaled {
            workers,
            wanted,
            due: lanes.iter().map(|lane| lane.depth).sum(),
            oldest_s: lanes.iter().map(|lane| lane.oldest_s).fold(0.0, f64::max),
            done_per_s: lanes.iter().map(|lane| lane.done_per_s).sum(),
        }
    }

    fn scale(&mut self, group: &str, scaled: &Scaled) -> Result<()> {
        let Scaled { workers, wanted, due, oldest_s, done_per_s } = scaled;
        if wanted != workers {
            println!("{group}: {workers} to {wanted} ({due} due, the oldest since {oldest_s:.1} s, {done_per_s:.0} done a second)");
        }
        for _ in *workers..*wanted {
            self.add(group).with_context(|| format!("{group} gets no more"))?;
        }
        for _ in *wanted..*workers {
            self.remove(group).with_context(|| format!("{group} gets no fewer"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(worker: &str, depth: u32, done: u32) -> (String, String) {
        let text = format!(
            "jobs_depth{{lane=\"bulk\"}} {depth}\njobs_places{{lane=\"bulk\"}} 8\njobs_total{{kind=\"A\",lane=\"bulk\",outcome=\"done\"}} {done}\njobs_total{{kind=\"A\",lane=\"bulk\",outcome=\"retried\"}} {depth}\njobs_depth{{lane=\"default\"}} 9\njobs_paused{{lane=\"default\"}} 1\n"
        );
        (worker.to_owned(), text)
    }

    #[test]
    fn workers_are_heard_together_and_lanes_that_rest_are_left_out() {
        let (mut group, begun) = (Group::default(), Instant::now());
        group.lanes(&[told("a", 40, 100), told("b", 41, 50)], begun);

        let lanes = group.lanes(&[told("a", 40, 110), told("b", 30, 6)], begun + Duration::from_secs(2));

        assert_eq!(lanes, [Lane { depth: 40.0, oldest_s: 0.0, places: 16.0, done_per_s: 8.0 }], "b has started anew");
    }

    #[test]
    fn rates_are_those_of_the_last_while() {
        let (mut done, begun) = (Done::default(), Instant::now());
        for second in 0..60 {
            done.add(if second < 30 { 100.0 } else { 10.0 }, begun + Duration::from_secs(second));
        }
        assert!((done.add(10.0, begun + Duration::from_mins(1)) - 10.0).abs() < 1e-9);
        assert!(done.looks.len() < 8);
    }
}
