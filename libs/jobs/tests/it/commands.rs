//! `jobs dead …` as an operator uses it.

use std::time::Duration;

use clap::Parser;
use magnitude_jobs::{Order, command};
use magnitude_kit::eventually;

use crate::{
    bench::{Bench, jobs as kinds},
    jobs::{Leave, Obey},
};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    order: Order,
}

pub async fn jobs(bench: &Bench, words: &[&str]) -> anyhow::Result<()> {
    let order = Line::try_parse_from([&["jobs"], words].concat())?.order;
    let (settings, shards) = bench.cluster.settings();
    command(&settings, &shards, order).await
}

/// A worker parks so many jobs and ends.
async fn park(bench: &Bench, many: usize) {
    for _ in 0..many {
        bench.submit(&Obey::GiveUp).await;
    }
    let worker = bench.work();
    eventually("all are parked", async || bench.dead().await.len() == many).await;
    worker.stop().await;
}

async fn dead_id(bench: &Bench) -> String {
    sqlx::query_scalar("select id::text from jobs.dead limit 1").fetch_one(&bench.pool).await.unwrap()
}

#[tokio::test]
async fn a_dead_job_is_replayed_with_all_its_tries() {
    let bench = Bench::new().await;
    park(&bench, 2).await;
    let id = dead_id(&bench).await;

    jobs(&bench, &["dead", "replay", &id]).await.unwrap();

    assert_eq!((bench.dead().await.len(), bench.waiting().await), (1, 1));
    assert_eq!(bench.count("select attempt::bigint from jobs.jobs").await, 0);
    jobs(&bench, &["dead", "replay", "--all"]).await.unwrap();
    assert_eq!((bench.dead().await.len(), bench.waiting().await), (0, 2));
}

#[tokio::test]
async fn dead_jobs_are_shown_and_dropped() {
    let bench = Bench::new().await;
    park(&bench, 3).await;
    let id = dead_id(&bench).await;

    jobs(&bench, &["status"]).await.unwrap();
    jobs(&bench, &["dead", "list"]).await.unwrap();
    jobs(&bench, &["dead", "show", &id]).await.unwrap();
    jobs(&bench, &["dead", "drop", &id]).await.unwrap();

    assert_eq!(bench.dead().await.len(), 2);
    assert!(jobs(&bench, &["dead", "show", &id]).await.is_err(), "it is gone");
    assert!(jobs(&bench, &["dead", "drop", &id]).await.is_err());
    jobs(&bench, &["dead", "drop", "--all", "--kind", "Other"]).await.unwrap();
    assert_eq!(bench.dead().await.len(), 2);
    jobs(&bench, &["dead", "drop", "--all", "--kind", "Obey"]).await.unwrap();
    assert_eq!(bench.dead().await.len(), 0);
}

#[tokio::test]
async fn which_ones_must_be_said() {
    let bench = Bench::new().await;
    assert!(jobs(&bench, &["dead", "drop"]).await.is_err());
    assert!(jobs(&bench, &["pause", "slow"]).await.is_err());
}

#[tokio::test]
async fn what_is_scheduled_runs_at_once_when_it_is_asked_for() {
    let bench = Bench::new().await;
    let worker = bench.start(kinds().schedule("leave one", Duration::from_hours(24), Leave::once()), bench.broker.clone());
    eventually("the first tick came", async || bench.effects().await == 1 && bench.waiting().await == 0).await;

    jobs(&bench, &["run", "leave one"]).await.unwrap();

    eventually("it ran again", async || bench.effects().await == 2).await;
    let unknown = jobs(&bench, &["run", "leave two"]).await.unwrap_err();
    assert!(unknown.to_string().contains(r#"they know ["leave one"]"#), "{unknown}");
    worker.stop().await;
}
