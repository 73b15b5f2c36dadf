//! Runs `media decode` for an upload: what a decoder does to itself ends with that process.

use std::{ffi::OsString, os::unix::process::ExitStatusExt, process::Stdio, time::Duration};

use anyhow::{Context, bail, ensure};
use futures_util::{StreamExt, stream::BoxStream};
use magnitude_objects::Error;
use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::decode::{COMMAND, Limits, Made, Said, read_one};

/// Of the clock: processor time is bounded besides, so this only ends what stands still or has no processor. A job ends after 25 s.
const LONGEST: Duration = Duration::from_secs(20);
/// More than this of what it complains is not read.
const COMPLAINT: u64 = 4_096;

/// What Rust says before it aborts for want of memory.
const NO_MEMORY: &str = "memory allocation";

#[derive(Clone, Debug)]
pub struct Decoder {
    program: OsString,
    limits: String,
    /// Variants of one picture, at most.
    most: usize,
}

/// What came of an upload, whenever it is decoded.
#[derive(Debug)]
pub enum Decoded {
    Variants(Vec<Made>),
    Refused(String),
}

impl Decoder {
    /// With this binary, or another `program`.
    pub fn new(program: &str, limits: &Limits) -> anyhow::Result<Self> {
        // This very binary, also when it was replaced on the disk since it started.
        let program = if program.is_empty() { "/proc/self/exe" } else { program };
        let most = limits.widths.len() + 1;
        Ok(Self { program: program.into(), limits: serde_json::to_string(limits)?, most })
    }

    /// Fails if the process could not do its work, which another try may; what it refuses it will always refuse.
    pub async fn decode(&self, content: BoxStream<'static, Result<bytes::Bytes, Error>>) -> anyhow::Result<Decoded> {
        let mut child = self.spawn().context("the decoder could not be started")?;
        // Dropped at the deadline, the child is killed.
        timeout(LONGEST, self.run(&mut child, content)).await.context("the decoder took too long")?
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg0("media")
            .args([COMMAND, &self.limits])
            // It holds no secret and knows no place.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    async fn run(&self, child: &mut Child, content: BoxStream<'static, Result<bytes::Bytes, Error>>) -> anyhow::Result<Decoded> {
        let input = child.stdin.take().context("it has an input")?;
        let mut output = child.stdout.take().context("it has an output")?;
        let complaints = child.stderr.take().context("it has a place for complaints")?;
        feed(input, content).await?;
        let said = self.listen(&mut output).await;
        // A pipe holds more than is read of it.
        let mut complaint = String::new();
        complaints.take(COMPLAINT).read_to_string(&mut complaint).await.ok();
        let status = child.wait().await?;
        match said {
            Ok(decoded) if status.success() => Ok(decoded),
            said => ended(status, complaint.trim(), said.err()),
        }
    }

    async fn listen(&self, output: &mut tokio::process::ChildStdout) -> anyhow::Result<Decoded> {
        let mut variants = Vec::new();
        loop {
            match read_one(output).await? {
                Said::Variant(variant) => variants.push(variant),
                Said::Refused(reason) => return Ok(Decoded::Refused(reason)),
                Said::End => return Ok(Decoded::Variants(variants)),
            }
            ensure!(variants.len() <= self.most, "more variants than were asked for");
        }
    }
}

/// It may have heard enough before the end: that is no failure.
async fn feed(mut input: ChildStdin, mut content: BoxStream<'static, Result<bytes::Bytes, Error>>) -> anyhow::Result<()> {
    while let Some(piece) = content.next().await {
        if input.write_all(&piece?).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// How a process without a result ended: by its own doing, which would be the same again, or by another's.
fn ended(status: std::process::ExitStatus, complaint: &str, error: Option<anyhow::Error>) -> anyhow::Result<Decoded> {
    let refused = |reason: &str| Ok(Decoded::Refused(reason.to_owned()));
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) {
        return refused("takes too long to be decoded");
    }
    if signal == Some(Signal::ABORT.as_raw()) && complaint.contains(NO_MEMORY) {
        return refused("needs too much memory to be decoded");
    }
    // A panic: a decoder met what it did not expect.
    if status.code() == Some(101) {
        tracing::warn!(complaint, "a decoder panicked");
        return refused("cannot be decoded");
    }
    match error {
        Some(error) => Err(error.context(format!("the decoder ended with {status}: {complaint}"))),
        None => bail!("the decoder ended with {status}: {complaint}"),
    }
}
