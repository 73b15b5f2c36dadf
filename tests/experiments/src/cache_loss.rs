//! Claim 7: a cache node dies, then all of them, and the database carries what it must.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use magnitude_load::report::Figure;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    databases::{Databases, SERVICES},
    load::{History, Load, Settings, Window, count, millis},
    run::{Options, Run},
    wait,
};

const NAME: &str = "cache-loss";
const TITLE: &str = "a cache node dies, then all of them, and come back empty";
/// Statements of one service that may run on one node at once: the pools of its two instances hold no more.
const CAP: f64 = 32.0;
/// Reads are as fast as before when their median is below this times that of the calm.
const NORMAL: f64 = 2.0;
const RECOVERY: Duration = Duration::from_secs(30);

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let load = Load::start(&run.stack()?.url, run.owners().await?, &Settings::new(run.seed)).await?;
    let (calm_for, down_for) = if run.options.short { (3, 3) } else { (15, 15) };
    let calm = load.pass(Duration::from_secs(calm_for)).await;
    let nodes = run.control(|stack| Ok(stack.select("cache")?.into_iter().map(|node| node.name).collect::<Vec<_>>())).await?;
    let (stop, most) = (CancellationToken::new(), AtomicI64::new(0));
    let databases = run.databases()?;
    let from = load.history().now();
    let work = async {
        let mut recovered = Duration::ZERO;
        for _ in 0..run.rounds(3, 1) {
            for some in [&nodes[..1], &nodes[..]] {
                recovered = recovered.max(lose(&run, &load, some, calm, Duration::from_secs(down_for)).await?);
            }
        }
        stop.cancel();
        anyhow::Ok(recovered)
    };
    let (recovered, watched) = tokio::join!(work, watch(&databases, &most, &stop));
    let beside = Window { from, to: load.history().now() };
    watched?;
    let (recovered, record) = (recovered?, load.stop().await?);
    run.check(&record).await?;
    let history = &record.history;
    let failed = history.failed_reads(beside).len() + history.failed_writes(beside).len() + history.unknown_writes(beside).len();
    let all = history.select(beside, |_| true).len();
    run.figure(Figure::at_most("failed requests while nodes were dead", 100.0 * count(failed) / count(all.max(1)), "%", 1.0));
    run.figure(Figure::at_most(
        "statements of a service on one node at once, most",
        count(usize::try_from(most.into_inner())?),
        "count",
        CAP,
    ));
    run.figure(Figure::at_most("normal again after the nodes came back, worst", recovered.as_secs_f64(), "s", 3.0));
    run.figure(Figure::shown("reads in calm, p99", millis(history.reads(calm).percentile(0.99)), "ms"));
    run.figure(Figure::shown("reads beside the faults, p99", millis(history.reads(beside).percentile(0.99)), "ms"));
    run.end().await
}

/// Kills nodes, lets them come back empty, and says how long after that reads were as fast as in the calm again.
async fn lose(run: &Run, load: &Load, nodes: &[String], calm: Window, time: Duration) -> anyhow::Result<Duration> {
    let (dead, back) = (nodes.to_vec(), nodes.to_vec());
    run.fault(&format!("{} killed", nodes.join(" and ")));
    run.control(move |stack| dead.iter().try_for_each(|node| stack.kill(node))).await?;
    load.pass(time).await;
    run.control(move |stack| back.iter().try_for_each(|node| stack.start(node))).await?;
    let (returned, since) = (Instant::now(), load.history().now());
    let usual = load.history().reads(calm).percentile(0.5).mul_f64(NORMAL);
    let normal = async || Ok(is_normal(load.history(), usual, since).then_some(()));
    // A time that is too long is a figure that was missed, no end of the run.
    let outcome =
        if wait::until("reads as fast as before", RECOVERY, wait::STEP, normal).await.is_ok() { "as before" } else { "not as before" };
    run.tell(&format!("{}: {outcome} {:.2?} after the return", nodes.join(" and "), returned.elapsed()));
    Ok(returned.elapsed())
}

/// Of the last half second, once that lies after `since`.
fn is_normal(history: &History, usual: Duration, since: Duration) -> bool {
    let now = history.now();
    let window = Window { from: now.saturating_sub(Duration::from_millis(500)), to: now };
    if window.from < since {
        return false;
    }
    let reads = history.reads(window);
    reads.count() > 0 && reads.percentile(0.5) <= usual && history.failed_reads(window).is_empty()
}

/// Looks at what runs on every node, until `stop`.
async fn watch(databases: &Databases, most: &AtomicI64, stop: &CancellationToken) -> anyhow::Result<()> {
    let sql = "select coalesce(max(n), 0) from (
        select count(*) n from pg_stat_activity where state = 'active' and datname = any($1) and usename = any($1) group by datname) busy";
    let nodes: Vec<_> = (0..databases.shards().len()).flat_map(|shard| databases.nodes(shard)).collect();
    let mut connections = Vec::new();
    for node in &nodes {
        connections.push(databases.node(node, "postgres").await?);
    }
    while !stop.is_cancelled() {
        for connection in &mut connections {
            let busy: i64 = sqlx::query_scalar(sql).bind(&SERVICES[..]).fetch_one(connection).await?;
            most.fetch_max(busy, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
