//! Claim 10: jobs flow while workers, brokers, a primary and buckets come and go; none is lost and none takes effect twice.

pub mod audit;
mod brokers;
pub mod feed;
pub mod poison;
mod speed;
mod workers;

use std::time::Duration;

use anyhow::Context;
use magnitude_load::report::Figure;
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::time::Instant;

use crate::{
    check::{self, Found},
    fault::{self, Fault},
    load::count,
    reshard,
    run::{Options, Run},
    wait,
};
use audit::Audit;
use brokers::Brokers;
use feed::Feed;
use workers::Workers;

const NAME: &str = "jobs";
const TITLE: &str = "jobs flow while workers, brokers, a primary and buckets come and go";
/// The fed service, whose effects are counted.
const SERVICE: &str = "social";
/// Between two faults of a kind.
const WORKER_DIES_EVERY: Duration = Duration::from_secs(3);
const BROKER_DIES_EVERY: Duration = Duration::from_secs(10);
/// Buckets that move.
const BATCH: usize = 64;

struct Size {
    jobs: usize,
    calm: Duration,
    backlog: usize,
    workers_die: usize,
    leaders_die: usize,
    fails_over: bool,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let size = if run.options.short {
        Size { jobs: 5_000, calm: Duration::from_secs(3), backlog: 3_000, workers_die: 2, leaders_die: 1, fails_over: false }
    } else {
        let (jobs, calm) = (run.rounds(100_000, 0), Duration::from_secs(30));
        Size { jobs, calm, backlog: 40_000, workers_die: 20, leaders_die: 12, fails_over: true }
    };
    // Who dies and what is measured is to be these workers alone.
    run.control(|stack| stack.stop("autoscaler")).await?;
    let audit = Audit::begin(&run.databases()?).await?;
    let feed = Feed::connect(&run.databases()?).await?;

    speed::calm(&mut run, &feed, &audit, size.calm).await?;
    speed::relay(&mut run, &feed, size.backlog).await?;
    faults(&mut run, &feed, &size).await?;
    feed.fill_up(size.jobs).await?;

    let jobs = check::settled(&run.databases()?).await?;
    run.found(Found { checker: "jobs", violations: jobs });
    judge(&mut run, &feed, &audit).await?;
    audit.end().await?;
    run.control(|stack| stack.start("autoscaler")).await?;
    run.end().await
}

/// All of them while jobs flow.
async fn faults(run: &mut Run, feed: &Feed, size: &Size) -> anyhow::Result<()> {
    let (workers, brokers) = (Workers::two(run).await?, Brokers::of(run).await?);
    let flow = feed.flow();
    workers_die(run, &workers, size.workers_die).await?;
    brokers.restart(run, &workers).await?;
    for _ in 0..size.leaders_die {
        let next = Instant::now() + BROKER_DIES_EVERY;
        brokers.kill_leader(run).await?;
        tokio::time::sleep_until(next).await;
    }
    relays_die_before_the_confirmation(run, &workers, &brokers).await?;
    buckets_move(run).await?;
    if size.fails_over {
        primary_dies(run).await?;
    }
    flow.stop().await?;
    workers.one(run).await
}

async fn workers_die(run: &Run, workers: &Workers, times: usize) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(run.seed);
    for _ in 0..times {
        let next = Instant::now() + WORKER_DIES_EVERY;
        let worker = workers.names().choose(&mut random).context("there are workers")?;
        run.fault(&format!("{worker} is killed"));
        workers::kill(run, worker).await?;
        workers::start(run, worker).await?;
        tokio::time::sleep_until(next).await;
    }
    Ok(())
}

/// The brokers freeze, so that relays have taken rows and wait to hear that the broker has them; then they die.
async fn relays_die_before_the_confirmation(run: &Run, workers: &Workers, brokers: &Brokers) -> anyhow::Result<()> {
    brokers.freeze(run).await?;
    let taken = audit::Taken::from_now(&run.databases()?).await?;
    wait::until("a relay has taken rows", Duration::from_secs(30), wait::STEP, async || taken.any().await).await?;
    run.fault("the relays are killed between taking and confirmation");
    for worker in workers.names() {
        workers::kill(run, worker).await?;
    }
    brokers.thaw(run).await?;
    for worker in workers.names() {
        workers::start(run, worker).await?;
    }
    Ok(())
}

/// To the second shard and back.
async fn buckets_move(run: &Run) -> anyhow::Result<()> {
    let (shards, owners) = (run.databases()?.shards(), run.owners().await?);
    let buckets: Vec<_> = owners.owned(SERVICE, 0).into_iter().take(BATCH).collect();
    for to in [shards.get(1).context("a move needs two shards")?, &shards[0]] {
        run.fault(&format!("{} buckets move to {to}", buckets.len()));
        let moving = reshard::start(run.folder(), SERVICE, &["move", "--buckets", &reshard::list(&buckets), "--to", to])?;
        let (done, said) = reshard::finish(moving).await?;
        anyhow::ensure!(done, "the buckets did not move: {said}");
    }
    Ok(())
}

async fn primary_dies(run: &Run) -> anyhow::Result<()> {
    let shard = run.databases()?.shards().swap_remove(0);
    let leader = fault::leader(run, &shard).await?;
    let broken = Fault::Node.inject(run, &shard, &leader).await?;
    fault::led_again(run, &shard, &broken).await?;
    let let_back = broken.undo(run).await?;
    fault::whole(run, &shard, let_back).await.map(drop)
}

/// What became of every job.
async fn judge(run: &mut Run, feed: &Feed, audit: &Audit) -> anyhow::Result<()> {
    let told = feed.told();
    let effects = audit.effects().await?;
    run.figure(Figure::shown("jobs of acknowledged transactions", count(told.acknowledged.len()), "count"));
    run.figure(Figure::shown("jobs of transactions without an answer", count(told.unknown.len()), "count"));
    run.found(Found { checker: "lost", violations: audit::lost(&told.acknowledged, &effects, &audit.told().await?) });
    run.found(Found { checker: "doubled", violations: audit::doubled(&effects) });
    run.found(Found { checker: "given up", violations: audit.given_up().await? });
    let notifications = check::notifications(&run.databases()?).await?;
    run.found(Found { checker: "notifications", violations: notifications });
    Ok(())
}
