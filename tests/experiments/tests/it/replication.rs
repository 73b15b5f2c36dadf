use std::time::Duration;

use magnitude_experiments::{
    check,
    load::{Event, Kind, Load, Outcome, Settings, Window},
};
use magnitude_kit::eventually_within;
use magnitude_stack::{Health, Stack as Runner};

use crate::stage::{Stage, runner};

/// A lock runs out, a node is elected, and the old one is rewound.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::test]
async fn what_a_failover_lost_without_strict_replication_is_reported() {
    if let Some(why) = magnitude_stack::cuts_unusable() {
        eprintln!("SKIPPED, no node can be cut off here: {why}");
        return;
    }
    let stage = Stage::enter().await;
    let shard = stage.databases.shards().pop().expect("there are shards");
    // What is lost must not have left anything on another shard, where it would stay.
    let alone = Settings { steady: usize::MAX, contest: Duration::from_hours(1), ..Settings::new(1) };
    let settings = Settings { sessions: 2, per_shard: 1, pause: Duration::from_millis(20), ..alone };
    let load = Load::start(&stage.stack.url, stage.owners.clone(), &settings).await.expect("the sessions sign in");
    runner(&shard, |stack, shard| stack.set_cluster(shard, "synchronous_mode=off")).await;
    eventually_within(PATIENCE, "a commit waits for nobody", async || ask(&stage, "show synchronous_standby_names").await.is_empty()).await;

    let leader = runner(&shard, cut_standbys).await;
    // What is in a connection's buffers would still arrive, even from a process that died.
    eventually_within(PATIENCE, "no standby is sent anything any more", async || {
        ask(&stage, "select count(*)::text from pg_stat_replication").await == "0"
    })
    .await;
    let from = load.history().now();
    let published = |event: &Event| {
        event.start >= from && event.kind == Kind::Publish && event.outcome == Outcome::Ok && event.shard.as_ref() == Some(&shard)
    };
    eventually_within(PATIENCE, "an article that no standby has", async || {
        !load.history().select(Window { from, to: load.history().now() }, published).is_empty()
    })
    .await;
    let lost = load.history().select(Window { from, to: load.history().now() }, published).swap_remove(0);
    let record = load.stop().await.expect("no session panicked");
    fail_over(&shard, &leader).await;

    let found = check::acknowledged(&record).await.expect("the API answers");
    mend(&shard, &leader).await;

    assert!(found.iter().any(|told| told.starts_with(&format!("{}: 0 times", lost.what))), "{found:?}");
}

/// The leader's name.
fn cut_standbys(stack: &Runner, shard: &str) -> anyhow::Result<String> {
    let leader = stack.leader(shard)?;
    for node in stack.select(shard)?.into_iter().filter(|node| *node != leader) {
        stack.cut(&node.name)?;
    }
    Ok(leader.name)
}

/// The leader dies with what only it has; one of the others takes over.
async fn fail_over(shard: &str, leader: &str) {
    let before = leader.to_owned();
    runner(shard, move |stack, shard| {
        stack.kill(&before)?;
        stack.select(shard)?.iter().try_for_each(|node| stack.restore(&node.name))
    })
    .await;
    let before = leader.to_owned();
    eventually_within(PATIENCE, "another node leads", async || {
        let before = before.clone();
        runner(shard, move |stack, shard| Ok(stack.leader(shard).is_ok_and(|leader| leader.name != before))).await
    })
    .await;
}

async fn mend(shard: &str, leader: &str) {
    let before = leader.to_owned();
    runner(shard, move |stack, shard| {
        stack.set_cluster(shard, "synchronous_mode=quorum")?;
        stack.start(&before)
    })
    .await;
    eventually_within(PATIENCE, "every node may take over again", async || {
        runner(shard, |stack, shard| Ok(stack.select(shard)?.iter().all(|node| stack.health(node) == Health::Ready))).await
    })
    .await;
}

/// What the primary of the last shard says.
async fn ask(stage: &Stage, question: &'static str) -> String {
    let last = stage.databases.shards().len() - 1;
    let mut primary = stage.databases.primary(last, "postgres").await.expect("the primary answers");
    sqlx::query_scalar(question).fetch_one(&mut primary).await.expect("it is one text")
}
