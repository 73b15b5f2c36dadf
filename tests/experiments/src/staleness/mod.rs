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
    untold, wait,
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

/// All of it is done over once where Redis was too slow to be told of a write, and what that one made old may have been seen: a part that
/// is down may show what is seconds old. More often would hide what is wrong now and then.
const ATTEMPTS: usize = 2;
/// The checker looks two seconds after a write.
const COMPARED: Duration = Duration::from_mins(2);

/// What came of one race.
struct Race {
    tally: Tally,
    took: Duration,
    /// Keys that the stack's own checker has compared, and states that it found stale.
    compared: f64,
    found: f64,
    /// Writes that Redis could not be told of in time.
    untold: f64,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let mut raced = race(&run).await?;
    for _ in 1..ATTEMPTS {
        let stale = raced.tally.stale.len();
        if (stale == 0 && raced.found <= 0.0) || raced.untold <= 0.0 {
            break;
        }
        run.tell(&format!("{stale} stale reads, and Redis was too slow to be told of {} writes: once more", raced.untold));
        raced = race(&run).await?;
    }
    report(&mut run, &raced);
    run.end().await
}

async fn race(run: &Run) -> anyhow::Result<Race> {
    let client = Client::new(&run.stack()?.url)?;
    let board = Arc::new(Board::prepare(&run.stack()?.url, WRITERS, EACH).await?);
    let writes = u64::try_from(run.rounds(1_000, 2))? * WRITES;
    let (before, untold) = (found_by_checker(run).await?, untold::writes(run).await?);
    let (stop, begun) = (CancellationToken::new(), Instant::now());
    let mut tasks: Vec<JoinHandle<anyhow::Result<()>>> = Vec::new();
    for number in 0..WRITERS {
        tasks.push(tokio::spawn(writers::write(client.clone(), board.clone(), number, random(run, number), stop.clone())));
    }
    for number in 0..READERS {
        tasks.push(tokio::spawn(readers::read(client.clone(), board.clone(), random(run, 100 + number), stop.clone())));
    }
    for _ in 0..CROWD {
        tasks.push(tokio::spawn(readers::crowd(client.clone(), board.clone(), stop.clone())));
    }
    disturb::until(run, &board, writes, &mut random(run, 1_000)).await?;
    stop.cancel();
    for ended in try_join_all(tasks).await.context("a task panicked")? {
        ended?;
    }
    let took = begun.elapsed();
    let compares = async || Ok(Some(found_by_checker(run).await?).filter(|after| after.0 > before.0));
    let after = wait::until("the checker compares", COMPARED, wait::STEP, compares).await?;
    let untold = untold::writes(run).await? - untold;
    Ok(Race { tally: board.tally(), took, compared: after.0 - before.0, found: after.1 - before.1, untold })
}

/// How many keys the stack's own checker has compared, and how many states were stale. Earlier runs may have planted some.
async fn found_by_checker(run: &Run) -> anyhow::Result<(f64, f64)> {
    let (http, stack) = (magnitude_load::client::http()?, run.stack()?);
    let checker = stack.checkers.first().context("the stack has no checker")?;
    // A counter is there from its first count on.
    let compared = instance::metric(&http, checker, "cache_checked_total").await.unwrap_or(0.0);
    Ok((compared, instance::metric(&http, checker, "cache_stale_total").await.unwrap_or(0.0)))
}

fn random(run: &Run, number: usize) -> StdRng {
    StdRng::seed_from_u64(run.seed.wrapping_add(number as u64))
}

fn report(run: &mut Run, Race { tally, took, compared, found, untold }: &Race) {
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
    run.figure(Figure::shown("writes that Redis was told of late", *untold, "count"));
    run.figure(Figure::shown("keys that the checker compared", *compared, "count"));
    run.figure(Figure::at_most("stale states that the checker found", *found, "count", 0.0));
    if *found > 0.0 {
        run.violated(&format!("the checker found {found} stale states"));
    }
}
