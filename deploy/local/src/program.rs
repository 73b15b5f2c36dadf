//! What a node runs, and how it is started: detached, so that it outlives the terminal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::Record;

/// What to start, and as whom.
#[derive(Debug, Default)]
pub struct Program {
    pub path: PathBuf,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// The content of the files that it reads at its start.
    pub config: String,
    pub cwd: PathBuf,
    pub log: PathBuf,
    /// The ordinary user to become, when the stack runs as root and the program refuses that.
    pub user: Option<String>,
    /// The group to belong to, by number, when the stack runs as root: what a node sends can be told by it.
    pub group: Option<u32>,
}

impl Program {
    /// Starts it in a session of its own. The pid is the program's: every step execs.
    pub fn spawn(self) -> Result<Record> {
        raise_open_files();
        let log =
            File::options().create(true).append(true).open(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new("setsid");
        command.args(self.become_other());
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

    /// The prefix of a command line that gives up root, or only root's group.
    fn become_other(&self) -> Vec<String> {
        let user = self.user.iter().map(|user| format!("--reuid={user}"));
        let group = self.group.map(|group| group.to_string()).or_else(|| self.user.clone()).map(|group| format!("--regid={group}"));
        let mut prefix: Vec<String> = user.chain(group).collect();
        if !prefix.is_empty() {
            prefix.insert(0, "setpriv".into());
            prefix.extend(["--clear-groups".into(), "--".into()]);
        }
        prefix
    }

    /// One number for executable, arguments and configuration: differs when a node would be started differently today.
    pub fn made_of(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        // A rebuilt program is a new file under the old name.
        let built = fs::metadata(&self.path).map(|file| (file.ino(), file.mtime(), file.mtime_nsec())).ok();
        (&self.path, built, &self.args, &self.env, &self.config).hash(&mut hash);
        hash.finish()
    }
}

/// Debian keeps servers in sbin, which an ordinary user's PATH lacks.
fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Many systems start with 1024, which a load test exhausts; children inherit it. Best effort: less still starts.
fn raise_open_files() {
    const ENOUGH: u64 = 65_536;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebuilt_or_newly_configured_program_is_made_of_something_else() {
        let path = std::env::temp_dir().join(format!("stack-program-{}", std::process::id()));
        fs::write(&path, "old").expect("is written");
        let program = || Program { path: path.clone(), ..Program::default() };
        let before = program().made_of();
        assert_eq!(before, program().made_of());
        assert_ne!(before, Program { config: "other".into(), ..program() }.made_of());

        crate::files::write(&path, b"new", 0o755).expect("is replaced");

        assert_ne!(before, program().made_of());
        fs::remove_file(&path).expect("is removed");
    }

    #[test]
    fn a_node_may_open_more_files_than_a_shell() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert!(limit.current.is_none_or(|current| current >= limit.maximum.unwrap_or(65_536).min(65_536)));
    }
}
