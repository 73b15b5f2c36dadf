//! Claim 12: a shard is added and buckets move to it while everybody writes, and a router that does not learn of it keeps writing. The short
//! run moves a batch to and fro between the shards that are there.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use magnitude_ids::Bucket;
use magnitude_load::report::Figure;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    check::Found,
    databases::SERVICES,
    frozen::{Frozen, Written},
    load::{Event, History, Kind, Load, Record, Settings, Window, count, millis},
    owners::Owners,
    probe::{Pauses, Probe},
    reshard,
    run::{Options, Run},
};

const NAME: &str = "resharding";
const TITLE: &str = "a shard is added and buckets move to it under load while a router with a frozen map keeps writing";
/// Buckets that move together.
const BATCH: usize = 64;
/// Buckets of each service to which the frozen router writes.
const FROZEN: usize = 6;

/// What moved, and when.
struct Moved {
    buckets: BTreeSet<Bucket>,
    window: Window,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let load = Load::start(&run.stack()?.url, run.owners().await?, &Settings::new(run.seed)).await?;
    if !options.short {
        run.fault("a shard is added");
        run.control(|stack| stack.add_shard(&|step| eprintln!("{step}"))).await?;
    }
    let owners = run.owners().await?;
    let probe = Probe::start(&run.databases()?).await?;
    let calm = load.pass(Duration::from_secs(if options.short { 5 } else { 15 })).await;
    let buckets = if options.short { choose(&run, &owners, &load) } else { surplus(&owners, &load) };
    let frozen = Frozen::start(&run.databases()?, &owners, &frozen_targets(&buckets))?;

    let moved = if options.short { to_and_fro(&run, &load, buckets).await? } else { grow(&run, &load, buckets).await? };

    // What a move broke shows in the writes and reads after it.
    load.pass(Duration::from_secs(3)).await;
    let written = frozen.stop().await?;
    let (pauses, record) = (probe.stop().await?, load.stop().await?);
    run.check(&record).await?;
    figures(&mut run, &record, (calm, &moved), &pauses);
    frozen_figures(&mut run, written);
    spread(&mut run).await?;
    run.end().await
}

/// Buckets of the first shard: those of its authors, and others drawn at random.
fn choose(run: &Run, owners: &Owners, load: &Load) -> Vec<Bucket> {
    let mut others = owners.owned_everywhere(0);
    others.shuffle(&mut StdRng::seed_from_u64(run.seed));
    let authors: BTreeSet<_> = load.buckets().iter().copied().filter(|bucket| others.contains(bucket)).collect();
    others.retain(|bucket| !authors.contains(bucket));
    authors.into_iter().chain(others).take(run.rounds(10, 1) * BATCH).collect()
}

/// The authors' buckets come first, so the frozen router meets those that are written most.
fn frozen_targets(buckets: &[Bucket]) -> Vec<(&'static str, Bucket)> {
    SERVICES.into_iter().flat_map(|service| buckets.iter().take(FROZEN).map(move |bucket| (service, *bucket))).collect()
}

/// What the old shards have to give away; those of authors first.
fn surplus(owners: &Owners, load: &Load) -> Vec<Bucket> {
    let owned: Vec<_> = (0..owners.shards().len()).map(|shard| owners.owned("articles", shard)).collect();
    let mut surplus: Vec<_> = magnitude_sharding::reshard::spread(&owned).into_iter().flat_map(|part| part.buckets).collect();
    surplus.sort_by_key(|bucket| !load.buckets().contains(bucket));
    surplus
}

/// Evens out the buckets over all shards, in every service.
async fn grow(run: &Run, load: &Load, buckets: Vec<Bucket>) -> anyhow::Result<Moved> {
    let from = load.history().now();
    run.fault(&format!("{} buckets move to the new shard", buckets.len()));
    insist(run, &["move", "--spread", "--batch", &BATCH.to_string()]).await?;
    Ok(Moved { buckets: buckets.into_iter().collect(), window: Window { from, to: load.history().now() } })
}

/// Moves the buckets to the second shard and back again, in every service.
async fn to_and_fro(run: &Run, load: &Load, buckets: Vec<Bucket>) -> anyhow::Result<Moved> {
    let from = load.history().now();
    let shards = run.databases()?.shards();
    for to in [shards.get(1).context("a move needs two shards")?, &shards[0]] {
        run.fault(&format!("{} buckets move to {to}", buckets.len()));
        insist(run, &["move", "--buckets", &reshard::list(&buckets), "--to", to, "--batch", &BATCH.to_string()]).await?;
    }
    Ok(Moved { buckets: buckets.into_iter().collect(), window: Window { from, to: load.history().now() } })
}

/// For every service, again until it succeeds.
async fn insist(run: &Run, arguments: &[&str]) -> anyhow::Result<()> {
    let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    reshard::insist(async || {
        let arguments = arguments.clone();
        run.control(move |stack| stack.reshard(&arguments)).await
    })
    .await
}

fn figures(run: &mut Run, record: &Record, (calm, moved): (Window, &Moved), pauses: &Pauses) {
    let history = &record.history;
    // Hashing a password takes longer than a pause.
    let among = |event: &Event| event.kind != Kind::Register && event.bucket.is_some_and(|bucket| moved.buckets.contains(&bucket));
    let (before, during) = (history.writes(calm, among), history.writes(moved.window, among));
    for figure in [
        Figure::none_of("failed writes", history.failed_writes(history.whole()).len()),
        Figure::none_of("writes of unknown outcome", history.unknown_writes(history.whole()).len()),
        Figure::none_of("failed reads", history.failed_reads(history.whole()).len()),
        Figure::none_of("failed writes of the probe", pauses.failed.len()),
        Figure::shown("batches", count(pauses.batches.count()), "count"),
        Figure::at_most("write pause of a batch, p99", millis(pauses.batches.percentile(0.99)), "ms", 250.0),
        Figure::shown("write pause of a batch, median", millis(pauses.batches.percentile(0.5)), "ms"),
        Figure::at_most("worst write to a moving bucket", millis(during.worst().max(pauses.batches.worst())), "ms", 500.0),
        Figure::shown("a client's writes to moving buckets, p99", millis(during.percentile(0.99)), "ms"),
        Figure::shown("a client's writes to moving buckets, worst", millis(during.worst()), "ms"),
        Figure::shown("the same buckets in calm, p99", millis(before.percentile(0.99)), "ms"),
        Figure::shown("the same buckets in calm, worst", millis(before.worst()), "ms"),
        Figure::shown("writes of the probe in calm, p99", millis(pauses.calm.percentile(0.99)), "ms"),
        Figure::shown("writes of the probe in calm, worst", millis(pauses.calm.worst()), "ms"),
    ] {
        run.figure(figure);
    }
    tell(history, pauses);
}

fn tell(history: &History, pauses: &Pauses) {
    let failed = history.failed_writes(history.whole()).into_iter().chain(history.failed_reads(history.whole()));
    for event in failed {
        eprintln!("failed: {:?} of {} at {:.3?} after {:.3?}: {}", event.kind, event.what, event.start, event.took, event.why);
    }
    for why in &pauses.failed {
        eprintln!("a write of the probe failed: {why}");
    }
}

fn frozen_figures(run: &mut Run, written: Written) {
    run.figure(Figure::shown("frozen router: accepted by the owner", count(written.accepted), "count"));
    run.figure(Figure::shown("frozen router: refused", count(written.refused), "count"));
    run.found(Found { checker: "writes accepted by the wrong shard", violations: written.violations });
}

/// How far the shards are from even shares.
async fn spread(run: &mut Run) -> anyhow::Result<()> {
    let (databases, owners) = (run.databases()?, run.owners().await?);
    let (mut buckets, mut articles) = (Vec::new(), Vec::new());
    for shard in 0..databases.shards().len() {
        buckets.push(count(owners.owned("articles", shard).len()));
        let sql = "select coalesce(sum(articles), 0)::bigint::float8 from totals where bucket in (select bucket from sharding.held)";
        articles.push(sqlx::query_scalar(sql).fetch_one(&mut databases.primary(shard, "articles").await?).await?);
    }
    run.figure(Figure::at_most("buckets of a shard, furthest from its share", furthest(&buckets), "%", 1.0));
    run.figure(Figure::shown("articles of a shard, furthest from its share", furthest(&articles), "%"));
    Ok(())
}

/// The largest deviation from the mean, in per cent of it.
fn furthest(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / count(values.len());
    values.iter().map(|value| (value - mean).abs() / mean * 100.0).fold(0.0, f64::max)
}
