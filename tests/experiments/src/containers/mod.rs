//! The stack of `docker compose`: containers are scaled, killed and replaced while everybody reads and writes. Of a service nobody notices it,
//! and of a database nothing is lost.

pub mod compose;
mod describe;
pub mod footprint;

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use magnitude_load::report::Figure;
use tokio::time::Instant;

use crate::{
    load::{Load, Settings, Window, count, millis},
    run::{Options, Run},
    wait,
};

pub use describe::write as describe;

const NAME: &str = "containers";
const TITLE: &str = "containers are scaled, killed and replaced by a new image, and clients do not notice";

/// For what takes an engine and two cores their time.
const PATIENCE: Duration = Duration::from_mins(2);
const ROLLED: &str = "articles";
/// What the claim allows the load balancer to see a new instance in.
const SEEN: f64 = 5.0;
/// A primary's container: as a node of the local stack.
const LED_AGAIN: f64 = 25.0;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    describe(&run.folder().join("test.json")).await?;
    let load = Load::start(&run.stack()?.url, run.owners().await?, &Settings::new(run.seed)).await?;
    let begun = load.history().now();
    let seen = scale(&run, &load).await?;
    for _ in 0..run.rounds(5, 1) {
        kill_services(&run, &load).await?;
    }
    let unnoticed = Window { from: begun, to: load.history().now() };
    let rolled = roll(&run, &load).await?;
    let mut gaps = Vec::new();
    for _ in 0..run.rounds(2, 1) {
        gaps.push(kill_primary(&run, &load).await?);
    }
    load.pass(Duration::from_secs(3)).await;
    let record = load.stop().await?;
    describe(&run.folder().join("test.json")).await?;
    run.check(&record).await?;
    let history = &record.history;
    run.figure(Figure::at_most("from a new container being ready to its first health check", seen.as_secs_f64(), "s", SEEN));
    for (name, window) in [("services scaled and killed", unnoticed), ("a new image rolled out", rolled)] {
        run.figure(Figure::none_of(format!("{name}: failed reads"), history.failed_reads(window).len()));
        run.figure(Figure::none_of(format!("{name}: failed writes"), history.failed_writes(window).len()));
        run.figure(Figure::none_of(format!("{name}: writes of unknown outcome"), history.unknown_writes(window).len()));
    }
    let worst = gaps.iter().max().copied().unwrap_or_default();
    run.figure(Figure::at_most("a primary's container killed: no writes, worst", worst.as_secs_f64(), "s", LED_AGAIN));
    run.figure(Figure::shown("reads, p99", millis(history.reads(history.whole()).percentile(0.99)), "ms"));
    run.figure(Figure::shown("containers", count(compose::containers().await?.len()), "count"));
    run.end().await
}

/// One more instance and three more workers: how long it takes until the load balancer has found them well; then back.
async fn scale(run: &Run, load: &Load) -> anyhow::Result<Duration> {
    run.fault("articles to three instances, and four workers");
    up(&["--scale", "articles=3", "--scale", "articles-worker=4", "articles", "articles-worker"]).await?;
    let ready = Instant::now();
    routed("articles", 3).await?;
    routed("articles-worker", 4).await?;
    let seen = ready.elapsed();
    run.tell(&format!("the load balancer has found them well {seen:.2?} after they were"));
    load.pass(Duration::from_secs(2)).await;
    run.fault("and back");
    up(&["--scale", "articles=2", "--scale", "articles-worker=1", "articles", "articles-worker"]).await?;
    load.pass(Duration::from_secs(2)).await;
    Ok(seen)
}

/// One container of each service dies, and is started again.
async fn kill_services(run: &Run, load: &Load) -> anyhow::Result<()> {
    for service in ["articles", "accounts", "social", "media", "edge"] {
        let victim = compose::of(service).await?.pop().with_context(|| format!("{service} has no container"))?;
        run.fault(&format!("{} is killed", victim.name));
        compose::docker(&["kill", &victim.id]).await?;
        load.pass(Duration::from_secs(3)).await;
        compose::docker(&["start", &victim.id]).await?;
        healthy(&victim.id).await?;
        routed(service, 2).await?;
    }
    Ok(())
}

/// Every instance of a service is replaced by one of another image, as `make compose-roll` does it.
async fn roll(run: &Run, load: &Load) -> anyhow::Result<Window> {
    let before = compose::of(ROLLED).await?;
    let image = before.first().context("articles has no container")?.image.clone();
    // Another image of the same programs.
    compose::build(&image, &format!("FROM {image}\nLABEL rolled=\"{}\"\n", uuid::Uuid::new_v4())).await?;
    let from = load.history().now();
    run.fault("articles is rolled");
    let mut order = tokio::process::Command::new("deploy/compose/roll.sh");
    let output = order.arg(ROLLED).kill_on_drop(true).output().await.context("roll.sh")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "roll.sh failed: {said}");
    load.pass(Duration::from_secs(2)).await;
    let after = compose::of(ROLLED).await?;
    let replaced = after.iter().all(|new| new.image_id != before[0].image_id);
    ensure!(after.len() == before.len() && replaced, "not all are of the new image: {after:?}");
    Ok(Window { from, to: load.history().now() })
}

/// The container of the node that leads the first shard dies, and is started again once another leads; the time without writes there.
async fn kill_primary(run: &Run, load: &Load) -> anyhow::Result<Duration> {
    let leader = wait::until("s1 has a leader", PATIENCE, wait::STEP, async || leader("s1").await).await?;
    let from = load.history().now();
    run.fault(&format!("{}, which leads s1, is killed", leader.name));
    compose::docker(&["kill", &leader.id]).await?;
    let other = async || Ok(self::leader("s1").await?.filter(|now| now.id != leader.id));
    let next = wait::until("another node leads s1", PATIENCE, wait::STEP, other).await?;
    load.pass(Duration::from_secs(3)).await;
    let gap = load.history().write_gap("s1", Window { from, to: load.history().now() });
    run.tell(&format!("{} leads; no write for {gap:.2?}", next.name));
    compose::docker(&["start", &leader.id]).await?;
    healthy(&leader.id).await?;
    Ok(gap)
}

async fn leader(shard: &str) -> anyhow::Result<Option<compose::Container>> {
    let http = magnitude_load::client::http()?;
    for container in compose::containers().await?.into_iter().filter(|one| one.running && one.service.starts_with(&format!("{shard}-"))) {
        let Ok(address) = container.at("data", 8008) else { continue };
        let asked = http.get(format!("http://{address}/primary")).timeout(Duration::from_secs(2)).send().await;
        if asked.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// Starts what is missing and waits until it is well; what runs stays as it is.
async fn up(arguments: &[&str]) -> anyhow::Result<()> {
    let options: &[&str] = &["up", "--detach", "--wait", "--no-build", "--no-recreate", "--no-deps"];
    compose::compose(&[options, arguments].concat()).await.map(drop)
}

async fn healthy(id: &str) -> anyhow::Result<()> {
    let well = async || Ok(compose::containers().await?.into_iter().find(|container| container.id == id && container.healthy));
    wait::until("a container is well again", PATIENCE, wait::STEP, well).await.map(drop)
}

/// Waits until the load balancer has found so many instances of a service well.
async fn routed(service: &str, instances: usize) -> anyhow::Result<()> {
    let envoy = compose::of("envoy").await?.pop().context("envoy does not run")?.at("services", 9901)?;
    let http = magnitude_load::client::http()?;
    let prefix = format!("{service}::");
    let all = async || {
        let clusters = http.get(format!("http://{envoy}/clusters")).send().await?.text().await?;
        let flags: Vec<_> = clusters.lines().filter(|line| line.starts_with(&prefix) && line.contains("::health_flags::")).collect();
        Ok((flags.len() == instances && flags.iter().all(|line| line.ends_with("::healthy"))).then_some(()))
    };
    wait::until(&format!("{instances} of {service} are routed to"), PATIENCE, wait::STEP, all).await
}

/// Where the description of the stack is written for the suites.
pub async fn describe_to(file: &Path) -> anyhow::Result<()> {
    describe(file).await?;
    println!("{} describes the stack.", file.display());
    Ok(())
}
