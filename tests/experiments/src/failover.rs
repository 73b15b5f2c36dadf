//! Claim 4: primaries are killed, cut off, frozen and handed over while everybody writes; no acknowledged write is lost and reads never stop.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::try_join_all;
use magnitude_load::report::Figure;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio::time::Instant;

use crate::{
    fault::{self, Companion, Fault},
    load::{Event, History, Kind, Latencies, Load, Outcome, Settings, Window, count, millis},
    run::{Options, Run},
    wait,
};

const NAME: &str = "failover";
const TITLE: &str = "primaries are killed, cut off, frozen and switched over under load";
/// By how many seconds the clock of one instance is off all the time.
const SKEW: i32 = 5;
/// What a small disk has more than the data on it.
const SPARE_MIB: u64 = 256;
const SKEWED: &str = "articles-2";
const PATIENCE: Duration = Duration::from_mins(2);

/// One fault that is to come.
#[derive(Clone, Copy, Debug)]
struct Plan {
    fault: Fault,
    companion: Companion,
    number: usize,
}

/// What one fault did.
struct Round {
    fault: Fault,
    /// The longest time without an acknowledged write to the shard.
    gap: Duration,
    /// From the end of the fault until every node could take over again.
    rejoined: Duration,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    run.control(|stack| stack.skew(SKEWED, SKEW)).await?;
    run.fault(&format!("the clock of {SKEWED} is {SKEW} s ahead"));
    let load = Load::start(&run.stack()?.url, run.owners().await?, &Settings { steady: 2, ..Settings::new(run.seed) }).await?;
    let plans = plan(&run)?;
    // Each shard has its own sequence, side by side with the others'.
    let rounds =
        try_join_all(plans.iter().map(|(shard, plan)| sequence(&run, &load, shard, plan))).await?.into_iter().flatten().collect::<Vec<_>>();
    let mut rounds = rounds;
    rounds.extend(full_disk(&run, &load).await?);
    load.pass(Duration::from_secs(3)).await;
    let record = load.stop().await?;
    run.control(|stack| stack.skew(SKEWED, 0)).await?;
    run.check(&record).await?;
    figures(&mut run, &record.history, &rounds);
    run.end().await
}

/// Every kind of fault equally often, in an order of chance, dealt out to the shards.
fn plan(run: &Run) -> anyhow::Result<BTreeMap<String, Vec<Plan>>> {
    let mut random = StdRng::seed_from_u64(run.seed);
    let mut kinds = Fault::ALL.to_vec();
    kinds.retain(|fault| match fault.impossible() {
        Some(why) => {
            eprintln!("SKIPPED, not possible here: {}: {why}", fault.name());
            false
        }
        None => *fault != Fault::FullDisk && !(run.options.short && *fault == Fault::Frozen),
    });
    let shards = run.databases()?.shards();
    let mut plans: BTreeMap<String, Vec<Plan>> = shards.iter().map(|shard| (shard.clone(), vec![])).collect();
    for round in 0..run.rounds(200, 4) {
        if round % kinds.len() == 0 {
            kinds.shuffle(&mut random);
        }
        let (fault, number) = (kinds[round % kinds.len()], random.random_range(0..1_000));
        let companion = Companion::ALL[random.random_range(0..Companion::ALL.len())];
        plans.entry(shards[round % shards.len()].clone()).or_default().push(Plan { fault, companion, number });
    }
    Ok(plans)
}

async fn sequence(run: &Run, load: &Load, shard: &str, plans: &[Plan]) -> anyhow::Result<Vec<Round>> {
    let mut rounds = vec![];
    for plan in plans {
        let round = one(run, load, shard, *plan).await?;
        run.tell(&format!("{shard}: {}: no write for {:.2?}, whole again after {:.2?}", round.fault.name(), round.gap, round.rejoined));
        rounds.push(round);
    }
    Ok(rounds)
}

async fn one(run: &Run, load: &Load, shard: &str, Plan { fault, companion, number }: Plan) -> anyhow::Result<Round> {
    let leader = fault::leader(run, shard).await?;
    let from = load.history().now();
    let (broken, beside) = tokio::join!(fault.inject(run, shard, &leader), companion.begin(run, shard, &leader, number));
    let broken = broken?;
    beside?;
    fault::led_again(run, shard, &broken).await?;
    written(load.history(), shard).await?;
    let gap = load.history().write_gap(shard, Window { from, to: load.history().now() });
    let let_back = broken.undo(run).await?;
    let rejoined = fault::whole(run, shard, let_back).await?;
    companion.end(run, shard).await?;
    Ok(Round { fault, gap, rejoined })
}

/// A primary whose disk is full, once: its data is moved to a small file system first.
async fn full_disk(run: &Run, load: &Load) -> anyhow::Result<Option<Round>> {
    let Some(shard) = run.databases()?.shards().pop() else { return Ok(None) };
    let node = fault::standby(run, &shard, &fault::leader(run, &shard).await?, 0).await?;
    let name = node.clone();
    if let Err(error) = run.control(move |stack| stack.small_disk(&name, SPARE_MIB)).await {
        eprintln!("SKIPPED, no file system can be mounted here: {error:#}");
        return Ok(None);
    }
    let name = node.clone();
    run.control(move |stack| stack.switchover_to(&name)).await?;
    fault::whole(run, &shard, Instant::now()).await?;
    let round = one(run, load, &shard, Plan { fault: Fault::FullDisk, companion: Companion::Nothing, number: 0 }).await?;
    run.control(move |stack| stack.large_disk(&node)).await?;
    Ok(Some(round))
}

/// Waits until a write to the shard that begins from now on is acknowledged.
async fn written(history: &History, shard: &str) -> anyhow::Result<()> {
    let from = history.now();
    let counts = |event: &Event| {
        event.start >= from && event.outcome == Outcome::Ok && event.kind.is_write() && event.shard.as_deref() == Some(shard)
    };
    let what = format!("an acknowledged write to {shard}");
    let write = async || Ok(history.select(Window { from, to: history.now() }, counts).pop());
    wait::until(&what, PATIENCE, wait::STEP, write).await.map(drop)
}

fn figures(run: &mut Run, history: &History, rounds: &[Round]) {
    run.figure(Figure::shown("rounds", count(rounds.len()), "count"));
    for kind in Fault::ALL {
        let of = |what: fn(&Round) -> Duration| Latencies::of(rounds.iter().filter(|round| round.fault == kind).map(what));
        let (gaps, rejoined) = (of(|round| round.gap), of(|round| round.rejoined));
        if gaps.count() == 0 {
            continue;
        }
        let name = kind.name();
        run.figure(Figure::shown(format!("{name}: rounds"), count(gaps.count()), "count"));
        run.figure(Figure::shown(format!("{name}: no writes, median"), gaps.percentile(0.5).as_secs_f64(), "s"));
        run.figure(Figure::at_most(format!("{name}: no writes, worst"), gaps.worst().as_secs_f64(), "s", kind.goal()));
        run.figure(Figure::shown(format!("{name}: whole again, median"), rejoined.percentile(0.5).as_secs_f64(), "s"));
        run.figure(Figure::shown(format!("{name}: whole again, worst"), rejoined.worst().as_secs_f64(), "s"));
    }
    let whole = history.whole();
    let reads = history.reads(whole);
    for figure in [
        Figure::shown("failed writes", count(history.failed_writes(whole).len()), "count"),
        Figure::shown(
            "registrations among the failed",
            count(history.failed_writes(whole).iter().filter(|event| event.kind == Kind::Register).count()),
            "count",
        ),
        Figure::none_of("failed reads", history.failed_reads(whole).len()),
        Figure::shown("reads, p99", millis(reads.percentile(0.99)), "ms"),
    ] {
        run.figure(figure);
    }
}
