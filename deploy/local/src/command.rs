//! Programs that are run to their end, each with a bound: one that hangs must not hang the stack.

use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::process::Record;

/// What it printed; whether it succeeded is for the caller to judge.
pub fn output(command: &mut Command, what: &str, bound: Duration) -> Result<Output> {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = piped.spawn().with_context(|| format!("cannot start {what}"))?;
    // Taken before the thread may reap the child: afterwards its pid could be a stranger's.
    let record = Record::of(i32::try_from(child.id())?);
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    if let Ok(output) = result.recv_timeout(bound) {
        return output.with_context(|| format!("lost {what}"));
    }
    for process in record.iter().flat_map(Record::tree) {
        process.signal(Signal::KILL);
    }
    bail!("{what} was not done after {} s", bound.as_secs())
}

/// The same for a program that must succeed.
pub fn run(command: &mut Command, what: &str, bound: Duration) -> Result<()> {
    text(command, what, bound).map(drop)
}

/// The same for who wants its standard output.
pub fn text(command: &mut Command, what: &str, bound: Duration) -> Result<String> {
    let output = output(command, what, bound)?;
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{what} failed: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let begun = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 3600; true"]);

        let error = run(&mut command, "a sleeper", Duration::from_millis(200)).expect_err("hangs");

        assert_eq!(error.to_string(), "a sleeper was not done after 0 s");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck >&2; exit 3"]);
        let error = run(&mut command, "sh", Duration::from_secs(30)).expect_err("fails");
        assert_eq!(error.to_string(), "sh failed: no such luck");
    }
}
