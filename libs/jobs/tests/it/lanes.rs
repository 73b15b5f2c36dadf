//! Pauses, unique keys, and the end of a worker.

use std::time::Duration;

use magnitude_jobs::{Lane, Options, Order, command};
use magnitude_kit::eventually;

use crate::{
    bench::Bench,
    jobs::{Leave, Obey},
};

pub async fn tell(bench: &Bench, order: Order) {
    let (settings, shards) = bench.cluster.settings();
    command(&settings, &shards, order).await.unwrap();
}

#[tokio::test]
async fn a_lane_that_rests_runs_nothing_and_the_others_go_on() {
    let bench = Bench::new().await;
    tell(&bench, Order::Pause { lane: Lane::Default }).await;
    let _worker = bench.work();
    bench.submit(&Obey::Succeed).await;
    bench.submit(&Leave::once()).await;

    eventually("the other lane goes on", async || bench.effects().await == 1 && bench.waiting().await == 1).await;
    assert_eq!(bench.state.runs(), 1);

    tell(&bench, Order::Resume { lane: Lane::Default }).await;
    eventually("it goes on", async || bench.waiting().await == 0).await;
}

#[tokio::test]
async fn what_the_broker_has_when_its_lane_is_paused_comes_back_to_its_row() {
    let bench = Bench::new().await;
    let worker = bench.work_with(magnitude_jobs::Settings { at_once: 1, ..bench.broker.clone() });
    bench.queues.consumed_by(1).await;
    for _ in 0..5 {
        bench.submit(&Obey::Hold).await;
    }
    eventually("four wait in the broker", async || bench.state.runs() == 1 && bench.queues.depth("default").await == Some(4)).await;

    tell(&bench, Order::Pause { lane: Lane::Default }).await;
    bench.state.release.add_permits(5);

    let back = "select count(*) from jobs.jobs where published_until is null";
    eventually("they are rows again", async || bench.count(back).await == 4 && bench.queues.depth("default").await == Some(0)).await;
    assert_eq!(bench.state.runs(), 1);
    tell(&bench, Order::Resume { lane: Lane::Default }).await;
    eventually("all are done", async || bench.waiting().await == 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_unique_key_is_taken_until_its_job_is_done() {
    let bench = Bench::new().await;
    let keyed = |key: &str| Options { unique: Some(key.to_owned()), ..Options::default() };

    let first = bench.submit_with(&Obey::Succeed, keyed("a")).await;
    let second = bench.submit_with(&Obey::Succeed, keyed("a")).await;
    let other = bench.submit_with(&Obey::Succeed, keyed("b")).await;

    assert!(first.is_some() && second.is_none() && other.is_some());
    let _worker = bench.work();
    eventually("both are done", async || bench.waiting().await == 0).await;
    assert_eq!(bench.state.runs(), 2);
    assert!(bench.submit_with(&Obey::Succeed, keyed("a")).await.is_some());
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has() {
    let bench = Bench::new().await;
    let worker = bench.work();
    bench.queues.consumed_by(1).await;
    bench.submit(&Obey::Hold).await;
    eventually("it runs", async || bench.state.runs() == 1).await;
    let mut stopping = tokio::spawn(worker.stop());
    // Another lane's consumer: this one's stays until its job is answered for.
    eventually("it takes nothing more", async || bench.queues.consumers("critical").await == Some(0)).await;
    bench.submit(&Obey::Succeed).await;
    // It must not end while the job runs; what came after is left to others.
    let ended = tokio::time::timeout(Duration::from_millis(500), &mut stopping).await;
    assert!(ended.is_err(), "it left its job");

    bench.state.release.add_permits(1);
    stopping.await.unwrap();

    assert_eq!(bench.waiting().await, 1, "its own is done, the other is still there");
    assert_eq!(bench.queues.depth("default").await, Some(0), "and acknowledged");
    let _worker = bench.work();
    eventually("the other one is done as well", async || bench.waiting().await == 0).await;
    assert_eq!(bench.state.runs(), 2);
}
