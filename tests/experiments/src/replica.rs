//! Claim 3: a replica dies, lags by minutes, is cut off or frozen, and comes back; nobody notices.

use std::time::Duration;

use magnitude_load::report::Figure;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    fault::{self, Fault},
    load::{Load, Settings, Window, millis},
    run::{Options, Run},
};

const NAME: &str = "replica";
const TITLE: &str = "replicas die, lag by minutes, are cut off and frozen, and come back";

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let load = Load::start(&run.stack()?.url, run.owners().await?, &Settings::new(run.seed)).await?;
    let calm = load.pass(Duration::from_secs(if run.options.short { 3 } else { 15 })).await;
    let mut random = StdRng::seed_from_u64(run.seed);
    let from = load.history().now();
    for _ in 0..run.rounds(5, 1) {
        for shard in run.databases()?.shards() {
            round(&run, &load, &shard, random.random_range(0..1_000)).await?;
        }
    }
    let faulty = Window { from, to: load.history().now() };
    let record = load.stop().await?;
    run.check(&record).await?;
    let history = &record.history;
    for figure in [
        Figure::none_of("failed writes", history.failed_writes(history.whole()).len()),
        Figure::none_of("unknown outcomes", history.unknown_writes(history.whole()).len()),
        Figure::none_of("failed reads", history.failed_reads(history.whole()).len()),
        Figure::shown("reads in calm, p99", millis(history.reads(calm).percentile(0.99)), "ms"),
        Figure::shown("reads beside the faults, p99", millis(history.reads(faulty).percentile(0.99)), "ms"),
        Figure::shown("writes in calm, p99", millis(history.writes(calm, |_| true).percentile(0.99)), "ms"),
        Figure::shown("writes beside the faults, p99", millis(history.writes(faulty, |_| true).percentile(0.99)), "ms"),
    ] {
        run.figure(figure);
    }
    run.end().await
}

/// Everything that can happen to a replica, one after another.
async fn round(run: &Run, load: &Load, shard: &str, number: usize) -> anyhow::Result<()> {
    let leader = fault::leader(run, shard).await?;
    lag(run, load, &fault::standby(run, shard, &leader, number).await?).await?;
    for (place, fault) in [Fault::Server, Fault::Node, Fault::Cut, Fault::Frozen].into_iter().enumerate() {
        if let Some(why) = fault.impossible() {
            eprintln!("SKIPPED, not possible here: {}: {why}", fault.name());
            continue;
        }
        if fault == Fault::Frozen && run.options.short {
            continue;
        }
        let node = fault::standby(run, shard, &leader, number + place).await?;
        let broken = fault.inject(run, shard, &node).await?;
        load.pass(Duration::from_secs(5)).await;
        let let_back = broken.undo(run).await?;
        let rejoined = fault::whole(run, shard, let_back).await?;
        run.tell(&format!("{shard}: {node} was {}, whole again after {rejoined:.2?}", fault.name()));
    }
    Ok(())
}

/// It receives everything and applies nothing for minutes.
async fn lag(run: &Run, load: &Load, node: &str) -> anyhow::Result<()> {
    let pause = if run.options.short { Duration::from_secs(8) } else { Duration::from_mins(2) };
    run.fault(&format!("{node} applies nothing for {pause:?}"));
    fault::replay(run, node, "pg_wal_replay_pause()").await?;
    load.pass(pause).await;
    fault::replay(run, node, "pg_wal_replay_resume()").await
}
