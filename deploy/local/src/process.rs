//! Programs of the stack: started detached, and signalled only while they are provably the ones that were started.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A started program. A pid alone may have been given to a stranger since; with its start time it names one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub pid: i32,
    pub start: u64,
}

/// What to start, and as whom.
#[derive(Debug, Default)]
pub struct Program {
    pub path: PathBuf,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: PathBuf,
    pub log: PathBuf,
    /// The ordinary user to become, when the stack runs as root and the program refuses that.
    pub user: Option<String>,
}

impl Program {
    /// Starts it in a session of its own, so that it outlives the terminal. The pid is the program's: every step execs.
    pub fn spawn(self) -> Result<Record> {
        let log =
            File::options().create(true).append(true).open(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new("setsid");
        if let Some(user) = &self.user {
            command.args(become_user(user));
        }
        command.arg(&self.path).args(&self.args).current_dir(&self.cwd);
        command.env_clear().env("PATH", search_path()).env("LANG", "C.UTF-8").env("HOME", &self.cwd).envs(&self.env);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.path.display()))?;
        let pid = i32::try_from(child.id())?;
        let record = Record::of(pid).with_context(|| format!("{} ended at once", self.path.display()))?;
        // A library user lives on after a node's end: without this the node would stay a zombie.
        std::thread::spawn(move || child.wait());
        Ok(record)
    }
}

impl Record {
    /// The process that has this pid now.
    pub fn of(pid: i32) -> Option<Self> {
        Stat::read(pid).map(|stat| Self { pid, start: stat.start })
    }

    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        crate::files::write(path, &serde_json::to_vec(self)?, 0o644)
    }

    pub fn alive(&self) -> bool {
        self.stat().is_some()
    }

    /// Not even a zombie is left.
    pub fn vanished(&self) -> bool {
        !self.alive() && !Path::new(&format!("/proc/{}", self.pid)).exists()
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

    fn stat(&self) -> Option<Stat> {
        Stat::read(self.pid).filter(|stat| stat.start == self.start)
    }
}

/// Asks every 20 ms until the answer is yes or the time is up.
pub fn poll(bound: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The prefix of a command line that gives up root for an ordinary user.
pub fn become_user(user: &str) -> Vec<String> {
    vec!["setpriv".into(), format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into(), "--".into()]
}

/// The stack's own servers whose working directory lies under `data`: finds what a crash left without a record.
/// Only known programs count, so a shell that someone opened there is left alone.
pub fn orphans(data: &Path, known: &[&str]) -> Vec<Record> {
    pids().into_iter().filter(|pid| runs_under(*pid, data, known)).filter_map(Record::of).collect()
}

fn runs_under(pid: i32, data: &Path, known: &[&str]) -> bool {
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok();
    let (Some(cwd), Some(program)) = (link("cwd"), link("exe")) else { return false };
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    cwd.starts_with(data) && known.iter().any(|known| name.starts_with(known))
}

fn pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Debian keeps servers in sbin, which an ordinary user's PATH lacks.
fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

struct Stat {
    state: char,
    parent: i32,
    start: u64,
}

impl Stat {
    /// None for a process that is gone or a zombie: both are over.
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name in parentheses may hold spaces and parentheses itself: the fields begin after the last one.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let state = fields.first()?.chars().next()?;
        let stat = Self { state, parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()? };
        (!matches!(stat.state, 'Z' | 'X')).then_some(stat)
    }
}

#[cfg(test)]
mod tests {
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
}
