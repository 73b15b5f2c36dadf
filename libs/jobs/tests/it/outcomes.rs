//! What becomes of a job that a worker runs.

use magnitude_jobs::{Lane, Options, Order, traced};
use magnitude_kit::eventually;
use uuid::Uuid;

use crate::{
    bench::Bench,
    jobs::{Leave, LeaveMany, Obey},
    lanes::tell,
};

#[tokio::test]
async fn a_job_that_nobody_ran_is_run_by_a_worker() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Succeed).await);

    let _worker = bench.work();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!(bench.state.runs(), 1);
}

#[tokio::test]
async fn a_failed_job_is_tried_again_later() {
    let bench = Bench::new().await;
    bench.submit(&Obey::Fail).await;

    let _worker = bench.work();

    let postponed = "select count(*) from jobs.jobs where attempt >= 1 and turn = attempt and published_until is null and due_at > now()";
    eventually("it is postponed", async || bench.count(postponed).await == 1).await;
    eventually("and tried again", async || bench.state.runs() >= 2).await;
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn a_job_out_of_tries_is_parked_after_exactly_those() {
    let bench = Bench::new().await;
    bench.submit_with(&Obey::Fail, Options { max_tries: 2, ..Options::default() }).await;

    let _worker = bench.work();

    eventually("it is parked", async || bench.dead().await == ["told to fail"]).await;
    assert_eq!((bench.waiting().await, bench.state.runs()), (0, 2));
}

#[tokio::test]
async fn a_job_that_gives_up_is_parked_at_once() {
    let bench = Bench::new().await;
    bench.submit(&Obey::GiveUp).await;

    let _worker = bench.work();

    eventually("it is parked", async || bench.dead().await == ["told to give up"]).await;
    assert_eq!(bench.state.runs(), 1);
}

#[tokio::test]
async fn a_job_that_panics_is_tried_again() {
    let bench = Bench::new().await;
    bench.submit(&Obey::PanicOnce).await;

    let _worker = bench.work();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!(bench.state.runs(), 2);
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn waiting_for_a_shard_that_is_down_is_no_try() {
    let bench = Bench::new().await;
    bench.submit_with(&Obey::FindShardDown, Options { max_tries: 1, ..Options::default() }).await;

    let _worker = bench.work();

    eventually("it ran twice", async || bench.state.runs() >= 2).await;
    assert!(bench.dead().await.is_empty());
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn an_effect_shows_once_although_its_job_failed_after_it() {
    let bench = Bench::new().await;
    bench.submit(&Leave { fail_after: 1, ..Leave::once() }).await;

    let _worker = bench.work();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!((bench.effects().await, bench.state.runs()), (1, 2));
}

#[tokio::test]
async fn a_wide_job_is_done_page_by_page() {
    let bench = Bench::new().await;
    bench.submit(&LeaveMany { left: 450 }).await;
    let (_one, _other) = (bench.work(), bench.work());

    eventually("all pages are done", async || bench.effects().await == 450 && bench.waiting().await == 0).await;

    assert_eq!(bench.count("select count(distinct job) from effects").await, 5, "each page is a job");
    assert_eq!(bench.count("select count(*) from jobs.processed").await, 5);
}

#[tokio::test]
async fn a_child_knows_its_parent_and_is_of_its_trace() {
    let bench = Bench::new().await;
    // Children go into the job's own lane, which rests.
    tell(&bench, Order::Pause { lane: Lane::Bulk }).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let options = Options { lane: Some(Lane::Default), ..Options::default() };
    let submit = Box::pin(bench.submit_with(&LeaveMany { left: 101 }, options));
    let parent = traced(Some(trace.to_owned()), submit).await;

    let _worker = bench.work();

    eventually("its first page is done", async || bench.effects().await == 100 && bench.waiting().await == 1).await;
    let child: (Option<Uuid>, Option<String>) =
        sqlx::query_as("select parent, traceparent from jobs.jobs").fetch_one(&bench.pool).await.unwrap();
    assert_eq!(child, (parent, Some(trace.to_owned())));
}
