//! `<service> reshard …` as a child that can be killed, started as the runner starts it.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};
use magnitude_ids::Bucket;
use tokio::process::{Child, Command};

/// A batch takes seconds; one that hangs must not hang the run.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often a command may be given up, at most, before it succeeds: on a busy machine its fence expires. One that found rows missing is
/// refused from then on.
pub const ATTEMPTS: usize = 5;

/// Starts it as the shards' administrator, with the settings of the service's first instance. `folder` is the stack's.
pub fn start(folder: &Path, service: &str, arguments: &[&str]) -> anyhow::Result<Child> {
    let secret = |name: &str| std::path::absolute(folder.join("secrets").join(name));
    let mut command = Command::new(binary(service)?);
    command.arg("--settings").arg(folder.join(format!("run/{service}-1.toml"))).arg("reshard").args(arguments);
    for (section, name) in [("DATABASE", service), ("CACHE", "redis"), ("SESSIONS", "redis"), ("RESHARD", "postgres")] {
        command.env(format!("MAGNITUDE_{section}__PASSWORD_FILE"), secret(name)?);
    }
    command.env("MAGNITUDE_RESHARD__USER", "postgres").env("MAGNITUDE_TELEMETRY__LOG", "error").env("MAGNITUDE_TELEMETRY__FORMAT", "text");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().with_context(|| format!("{service} reshard cannot be started"))
}

/// Runs it to its end; whether it succeeded, and what it said.
pub async fn finish(child: Child) -> anyhow::Result<(bool, String)> {
    let Output { status, stdout, stderr } = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.context("reshard hangs")??;
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Ok((status.success(), said.trim().replace('\n', "; ")))
}

/// One that must succeed.
pub async fn complete(folder: &Path, service: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let (done, said) = finish(start(folder, service, arguments)?).await?;
    ensure!(done, "{service} reshard was given up: {said}");
    Ok(())
}

/// The same command again until it succeeds.
pub async fn insist(mut command: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    for _ in 1..ATTEMPTS {
        match command().await {
            Ok(()) => return Ok(()),
            Err(error) => eprintln!("once more: {error:#}"),
        }
    }
    command().await
}

/// As `--buckets` wants them.
pub fn list(buckets: &[Bucket]) -> String {
    buckets.iter().map(Bucket::to_string).collect::<Vec<_>>().join(",")
}

/// The services are built beside this program; a test binary lies one folder deeper.
pub(crate) fn binary(service: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(service)).find(|path| path.is_file());
    found.with_context(|| format!("the service {service} is not built: run `cargo build --workspace`"))
}
