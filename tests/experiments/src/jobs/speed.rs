//! How soon jobs start, and how fast a relay hands them over.

use std::time::{Duration, Instant};

use anyhow::ensure;
use magnitude_load::report::Figure;
use tokio::time::interval;

use super::{
    SERVICE,
    audit::{Audit, Pair},
    feed::Feed,
    workers,
};
use crate::{
    check,
    load::{Latencies, count, millis},
    run::Run,
    wait,
};

const LOOK: Duration = Duration::from_millis(20);
/// Nearly as many messages as the relays leave in the broker at once.
const WINDOW: usize = 9_000;
const PATIENCE: Duration = Duration::from_mins(2);

/// Jobs of transactions of their own, so many a second; each with the moment of its transaction's answer.
pub async fn steady(feed: &Feed, rate: u32, long: Duration) -> Vec<(Pair, f64)> {
    let (mut ticks, end) = (interval(Duration::from_secs(1) / rate), Instant::now() + long);
    let mut writes = tokio::task::JoinSet::new();
    while Instant::now() < end {
        ticks.tick().await;
        let feed = feed.clone();
        writes.spawn(async move { feed.write(1).await });
    }
    let written = writes.join_all().await.into_iter().flatten();
    written.flat_map(|(pairs, at)| pairs.into_iter().map(move |pair| (pair, at))).collect()
}

/// From the answered commit to the moment in which the job writes, which is a read and three statements after its start. A job that was faster
/// than the answer counts as nothing.
pub async fn delays(audit: &Audit, written: &[(Pair, f64)]) -> anyhow::Result<Latencies> {
    let effects = audit.effects().await?;
    let delay = |(pair, at): &(Pair, f64)| {
        let effect = effects.get(pair)?.first()?;
        Some(Duration::from_secs_f64((effect - at).max(0.0)))
    };
    let delays: Vec<_> = written.iter().filter_map(delay).collect();
    ensure!(delays.len() == written.len(), "{} of {} jobs have no effect", written.len() - delays.len(), written.len());
    Ok(Latencies::of(delays.into_iter()))
}

pub async fn calm(run: &mut Run, feed: &Feed, audit: &Audit, rate: u32, long: Duration) -> anyhow::Result<()> {
    let written = steady(feed, rate, long).await;
    check::settled(&run.databases()?).await?;
    let delays = delays(audit, &written).await?;
    let what = format!("from commit to the job's write at {rate} jobs a second");
    run.figure(Figure::at_most(format!("{what}, median"), millis(delays.percentile(0.5)), "ms", 15.0));
    run.figure(Figure::at_most(format!("{what}, p99"), millis(delays.percentile(0.99)), "ms", 60.0));
    Ok(())
}

/// What has gathered while the lane rested goes through one process's relays, beside its consumers, up to what the broker is to hold at most.
pub async fn relay(run: &mut Run, feed: &Feed, backlog: usize) -> anyhow::Result<()> {
    run.control(|stack| stack.jobs(SERVICE, &["pause".into(), "default".into()])).await?;
    feed.fill_up(feed.acknowledged() + backlog).await?;
    let before = workers::relayed(run).await?;
    run.control(|stack| stack.jobs(SERVICE, &["resume".into(), "default".into()])).await?;
    let (enough, mut begun) = (before + count(backlog.min(WINDOW)), Instant::now());
    let relayed = wait::until("the backlog is relayed", PATIENCE, LOOK, async || {
        let relayed = workers::relayed(run).await?;
        if relayed <= before {
            begun = Instant::now();
        }
        Ok((relayed >= enough).then_some(relayed - before))
    });
    let rate = relayed.await? / begun.elapsed().as_secs_f64();
    run.figure(Figure::at_least("messages that one process's relays hand over", rate, "1/s", 5_000.0));
    Ok(())
}
