//! Claim 6: readers, writers, evictions, flushes and a lagging replica race, and nobody is shown what a write made old.

mod board;
mod disturb;
mod readers;
mod writers;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::try_join_all;
use magnitude_load::{instance, report::Figure};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    load::{Client, Latencies, count, millis},
    run::{Options, Run},
};
use board::{Board, Tally};

const NAME: &str = "staleness";
const TITLE: &str = "readers, writers, evictions, flushes and a lagging replica race, and no answer is older than an answered write";
/// Writes a round.
const WRITES: u64 = 1_000;
const WRITERS: usize = 6;
/// Articles of one writer. Many enough that none but the hot one is read fifty times a second.
const EACH: usize = 20;
const READERS: usize = 6;
/// Readers of the one article that all want.
const CROWD: usize = 4;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let client = Client::new(&run.stack()?.url)?;
    let board = Arc::new(Board::prepare(&run.stack()?.url, WRITERS, EACH).await?);
    let writes = u64::try_from(run.rounds(1_000, 2))? * WRITES;
    let before = found_by_checker(&run).await?;
    let (stop, begun) = (CancellationToken::new(), Instant::now());
    let mut tasks: Vec<JoinHandle<anyhow::Result<()>>> = Vec::new();
    for number in 0..WRITERS {
        tasks.push(tokio::spawn(writers::write(client.clone(), board.clone(), number, random(&run, number), stop.clone())));
    }
    for number in 0..READERS {
        tasks.push(tokio::spawn(readers::read(client.clone(), board.clone(), random(&run, 100 + number), stop.clone())));
    }
    for _ in 0..CROWD {
        tasks.push(tokio::spawn(readers::crowd(client.clone(), board.clone(), stop.clone())));
    }
    disturb::until(&run, &board, writes, &mut random(&run, 1_000)).await?;
    stop.cancel();
    for ended in try_join_all(tasks).await.context("a task panicked")? {
        ended?;
    }
    report(&mut run, &board.tally(), begun.elapsed());
    checked(&mut run, before).await?;
    run.end().await
}

/// How many keys the stack's own checker has compared, and how many states were stale. Earlier runs may have planted some.
async fn found_by_checker(run: &Run) -> anyhow::Result<(f64, f64)> {
    let (http, stack) = (magnitude_load::client::http()?, run.stack()?);
    let checker = stack.checkers.first().context("the stack has no checker")?;
    // A counter is there from its first count on.
    let compared = instance::metric(&http, checker, "cache_checked_total").await.unwrap_or(0.0);
    Ok((compared, instance::metric(&http, checker, "cache_stale_total").await.unwrap_or(0.0)))
}

/// What it found meanwhile.
async fn checked(run: &mut Run, before: (f64, f64)) -> anyhow::Result<()> {
    let after = found_by_checker(run).await?;
    let (compared, stale) = (after.0 - before.0, after.1 - before.1);
    anyhow::ensure!(compared > 0.0, "the checker compared nothing");
    run.figure(Figure::shown("keys that the checker compared", compared, "count"));
    run.figure(Figure::at_most("stale states that the checker found", stale, "count", 0.0));
    if stale > 0.0 {
        run.violated(&format!("the checker found {stale} stale states"));
    }
    Ok(())
}

fn random(run: &Run, number: usize) -> StdRng {
    StdRng::seed_from_u64(run.seed.wrapping_add(number as u64))
}

fn report(run: &mut Run, tally: &Tally, took: Duration) {
    let hot = Latencies::of(tally.hot.iter().copied());
    run.tell(&format!("{} writes and {} reads in {took:.0?}", tally.writes, tally.reads));
    for sentence in &tally.stale {
        run.violated(sentence);
    }
    run.figure(Figure::shown("acknowledged writes", count(usize::try_from(tally.writes).unwrap_or_default()), "count"));
    run.figure(Figure::shown("reads that could be stale", count(usize::try_from(tally.reads).unwrap_or_default()), "count"));
    run.figure(Figure::none_of("stale reads", tally.stale.len()));
    run.figure(Figure::shown("reads of the hot article", count(hot.count()), "count"));
    run.figure(Figure::at_most("age of the hot article beyond its last answered write, p99", millis(hot.percentile(0.99)), "ms", 100.0));
    run.figure(Figure::at_most("age of the hot article beyond its last answered write, worst", millis(hot.worst()), "ms", 1_000.0));
    run.figure(Figure::shown("failed requests", count(usize::try_from(tally.failed).unwrap_or_default()), "count"));
}
