//! What the stack of `docker compose` takes of a machine, with its images built.

use std::time::Duration;

use anyhow::Context;
use magnitude_load::report::Figure;
use tokio::time::{Instant, sleep};

use super::compose;
use crate::run::{Options, Run};

const NAME: &str = "containers-footprint";
const TITLE: &str = "what the stack of `docker compose` takes of a machine";
/// By then everything that starts has calmed down.
const CALM: Duration = Duration::from_mins(1);
const READY: f64 = 90.0;
const IDLE_GIB: f64 = 2.5;
const IMAGE_MB: f64 = 40.0;
/// Those of the project's own programs, which have the goal, before the others.
const IMAGES: [(&str, bool); 6] =
    [("accounts", true), ("social", true), ("articles", true), ("media", true), ("edge", false), ("s1-1", false)];

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    run.fault("everything is ended, and its data deleted");
    compose::compose(&["down", "--volumes"]).await?;
    run.figure(Figure::at_most("until all is ready, the first time", raise().await?, "s", READY));
    super::describe(&run.folder().join("test.json")).await?;
    sleep(CALM).await;
    run.figure(Figure::at_most("memory of all containers, a minute later", memory().await? / 1024.0, "GiB", IDLE_GIB));
    run.fault("everything is ended");
    compose::compose(&["down"]).await?;
    run.figure(Figure::at_most("until all is ready again on the same volumes", raise().await?, "s", READY));
    for (service, own) in IMAGES {
        let image = compose::of(service).await?.pop().with_context(|| format!("there is no {service}"))?.image;
        let (name, size) = (format!("image {image}, compressed"), compressed(&image).await?);
        run.figure(if own { Figure::at_most(name, size, "MB", IMAGE_MB) } else { Figure::shown(name, size, "MB") });
    }
    super::describe(&run.folder().join("test.json")).await?;
    run.end().await
}

/// Seconds until everything is well and what runs once has ended.
async fn raise() -> anyhow::Result<f64> {
    let begun = Instant::now();
    compose::compose(&["up", "--detach", "--wait", "--no-build"]).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// MiB of all containers, without what the kernel only keeps of their files.
async fn memory() -> anyhow::Result<f64> {
    let ids: Vec<String> = compose::containers().await?.into_iter().filter(|one| one.running).map(|one| one.id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let told = compose::docker(&[&["stats", "--no-stream", "--format", "{{.MemUsage}}"], &ids[..]].concat()).await?;
    told.lines().map(mebibytes).sum()
}

/// Of a line like `12.5MiB / 256MiB`.
fn mebibytes(line: &str) -> anyhow::Result<f64> {
    let used = line.split('/').next().unwrap_or_default().trim();
    let digits = used.trim_end_matches(char::is_alphabetic);
    let unit = match &used[digits.len()..] {
        "B" => 1.0 / 1_048_576.0,
        "KiB" => 1.0 / 1024.0,
        "MiB" => 1.0,
        "GiB" => 1024.0,
        other => anyhow::bail!("docker told an amount in {other:?}: {line}"),
    };
    Ok(digits.parse::<f64>().with_context(|| format!("docker told no amount: {line}"))? * unit)
}

/// MB of an image as a registry would hold it, about.
async fn compressed(image: &str) -> anyhow::Result<f64> {
    let order = format!("set -o pipefail; docker save {image} | gzip | wc -c");
    let output = tokio::process::Command::new("bash").args(["-c", &order]).kill_on_drop(true).output().await?;
    anyhow::ensure!(output.status.success(), "{image} could not be saved");
    let bytes: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(bytes / 1e6)
}

#[cfg(test)]
mod tests {
    use super::mebibytes;

    #[test]
    fn amounts_are_read_in_every_unit() {
        let read = |line| mebibytes(line).expect("it is an amount");
        assert!((read("12.5MiB / 256MiB") - 12.5).abs() < 1e-9);
        assert!((read("1.5GiB / 2GiB") - 1536.0).abs() < 1e-9);
        assert!((read("512KiB / 1GiB") - 0.5).abs() < 1e-9);
        assert!(mebibytes("-- / --").is_err());
    }
}
