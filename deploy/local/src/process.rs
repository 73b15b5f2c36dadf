//! Processes of the stack: signalled only while they are provably the ones that were started.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A started program. A pid alone may have been given to a stranger since; with its start time it names one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub pid: i32,
    pub start: u64,
}

/// What is kept of a started node.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    record: Record,
    made_of: u64,
}

impl Record {
    /// The process that has this pid now.
    pub fn of(pid: i32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, start: stat.start })
    }

    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Keeps it, with what the program was [made of](crate::program::Program::made_of).
    pub fn save(self, path: &Path, made_of: u64) -> Result<()> {
        crate::files::write(path, &serde_json::to_vec(&Kept { record: self, made_of })?, 0o644)
    }

    /// What the recorded process was made of.
    pub fn made_of(path: &Path) -> Option<u64> {
        serde_json::from_slice(&fs::read(path).ok()?).ok().map(|kept: Kept| kept.made_of)
    }

    pub fn alive(&self) -> bool {
        self.stat().is_some()
    }

    /// Stopped by SIGSTOP.
    pub fn paused(&self) -> bool {
        self.stat().is_some_and(|stat| stat.state == 'T')
    }

    /// Sends a signal to this very process; false if it is gone. The pidfd is opened before the start time is compared, so
    /// the pid cannot change hands in between.
    pub fn signal(&self, signal: Signal) -> bool {
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
        self.alive() && pidfd_send_signal(&fd, signal).is_ok()
    }

    /// This process and everything it started. A paused or killed server must not live on in its workers.
    pub fn tree(&self) -> Vec<Self> {
        let mut tree = if self.alive() { vec![*self] } else { vec![] };
        let all: Vec<(i32, Stat)> = pids().into_iter().filter_map(|pid| Some((pid, Stat::read(pid)?))).collect();
        let mut next = 0;
        while next < tree.len() {
            let parent = tree[next].pid;
            tree.extend(all.iter().filter(|(_, stat)| stat.parent == parent).map(|(pid, stat)| Self { pid: *pid, start: stat.start }));
            next += 1;
        }
        tree
    }

    pub fn wait_gone(&self, bound: Duration) -> bool {
        poll(bound, || !self.alive())
    }

    /// Ends it with all that it started, and waits for that.
    pub fn end(&self) {
        let tree = self.tree();
        self.signal(Signal::TERM);
        if !poll(Duration::from_secs(5), || tree.iter().all(|process| !process.alive())) {
            for process in &tree {
                process.signal(Signal::KILL);
            }
        }
    }

    fn stat(&self) -> Option<Stat> {
        Stat::read(self.pid).filter(|stat| stat.start == self.start)
    }
}

/// How long to wait between two questions that cost nothing.
pub const STEP: Duration = Duration::from_millis(20);

/// Asks every 20 ms until the answer is yes or the time is up.
pub fn poll(bound: Duration, done: impl FnMut() -> bool) -> bool {
    poll_every(STEP, bound, done)
}

/// The same with another step.
pub fn poll_every(step: Duration, bound: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(step);
    }
}

/// The stack's own servers whose working directory is `data` or lies in it: finds what a crash left without a record.
/// Only known programs count, so a shell that someone opened there is left alone; Patroni is a module that Python runs.
pub fn orphans(data: &Path, known: &[String]) -> Vec<Record> {
    pids().into_iter().filter(|pid| runs_under(*pid, data, known)).filter_map(Record::of).collect()
}

/// Every process whose working directory is `data` or lies in it.
pub fn living_in(data: &Path) -> Vec<i32> {
    pids().into_iter().filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(data))).collect()
}

fn runs_under(pid: i32, data: &Path, known: &[String]) -> bool {
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok();
    let (Some(cwd), Some(program)) = (link("cwd"), link("exe")) else { return false };
    if !cwd.starts_with(data) {
        return false;
    }
    let mut name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.starts_with("python") {
        name = module(pid).unwrap_or_default();
    }
    known.iter().any(|known| name.starts_with(known.as_str()))
}

fn module(pid: i32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).skip_while(|word| *word != b"-m");
    words.nth(1).map(|name| String::from_utf8_lossy(name).into_owned())
}

fn pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

struct Stat {
    state: char,
    parent: i32,
    start: u64,
}

impl Stat {
    /// None for a process that is gone or a zombie: both are over. Not a zombie whose other threads are still ending: they hold its ports.
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name in parentheses may hold spaces and parentheses itself: the fields begin after the last one.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let state = fields.first()?.chars().next()?;
        let stat = Self { state, parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()? };
        let threads: u32 = fields.get(17)?.parse().ok()?;
        (!matches!(stat.state, 'Z' | 'X') || threads > 1).then_some(stat)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_reused_pid_is_neither_alive_nor_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let real = Record::of(i32::try_from(child.id()).expect("small")).expect("runs");
        let stranger = Record { start: real.start + 1, ..real };

        assert!(!stranger.alive());
        assert!(!stranger.signal(Signal::KILL));
        assert!(real.alive());
        assert!(real.signal(Signal::KILL));
        assert!(real.wait_gone(Duration::from_secs(5)), "a zombie counts as gone");
        child.wait().expect("is reaped");
    }

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b (c)) T 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 991 0";
        let stat = Stat::parse(line).expect("parses");
        assert_eq!((stat.state, stat.parent, stat.start), ('T', 3, 991));
    }

    #[test]
    fn a_zombie_lives_as_long_as_one_of_its_other_threads() {
        let zombie = |threads| Stat::parse(&format!("7 (a) Z 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 {threads} 0 991 0"));
        assert!(zombie(2).is_some());
        assert!(zombie(1).is_none());
    }
}
