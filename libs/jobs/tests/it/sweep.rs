use magnitude_kit::eventually;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Obey};

#[tokio::test]
async fn a_job_that_nobody_ran_is_swept() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Succeed).await);

    let _sweeper = bench.sweep();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!(bench.runs.count(), 1);
}

#[tokio::test]
async fn two_sweepers_run_a_job_once() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        drop(bench.enqueue(Obey::Succeed).await);
    }

    let _sweepers = (bench.sweep(), bench.sweep());

    eventually("the rows go", async || bench.waiting().await == 0).await;
    assert_eq!(bench.runs.count(), 20);
}

#[tokio::test]
async fn a_failed_job_is_tried_again_later() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Fail).await);

    let _sweeper = bench.sweep();

    // Due before its lease of 30 s would be over, also after the two or three tries that a slow look may miss.
    let postponed = "select exists (select from jobs.jobs where attempt >= 1 and due_at between now() and now() + interval '15 seconds')";
    eventually("it is postponed", async || bench.runs.count() >= 1 && sqlx::query_scalar(postponed).fetch_one(&bench.pool).await.unwrap())
        .await;
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn a_job_out_of_tries_is_parked() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Fail).await);
    bench.tamper("attempt = 11").await;

    let _sweeper = bench.sweep();

    eventually("it is parked", async || bench.dead().await == ["told to fail"]).await;
    assert_eq!(bench.waiting().await, 0);
}

#[tokio::test]
async fn a_job_that_gives_up_is_parked_at_once() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::GiveUp).await);

    let _sweeper = bench.sweep();

    eventually("it is parked", async || bench.dead().await == ["told to give up"]).await;
    assert_eq!(bench.runs.count(), 1);
}

#[tokio::test]
async fn a_job_that_panics_is_tried_again() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::PanicOnce).await);

    let _sweeper = bench.sweep();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!(bench.runs.count(), 2);
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn a_job_whose_sweeper_died_runs_again_after_its_lease() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::HangOnce).await);
    let killed = bench.sweep_until(CancellationToken::new());
    eventually("it runs", async || bench.runs.count() == 1).await;
    killed.abort();
    let leased = "select exists (select from jobs.jobs where attempt = 1 and due_at > now() + interval '15 seconds')";
    assert!(sqlx::query_scalar::<_, bool>(leased).fetch_one(&bench.pool).await.unwrap(), "nobody else takes it meanwhile");

    bench.tamper("due_at = clock_timestamp()").await;
    let _sweeper = bench.sweep();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!(bench.runs.count(), 2);
}

#[tokio::test]
async fn a_job_that_does_not_decode_is_parked_at_once() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Succeed).await);
    bench.tamper(r#"payload = '{"Obey": 1}'"#).await;

    let _sweeper = bench.sweep();

    eventually("it is parked", async || bench.dead().await.len() == 1).await;
    assert!(bench.dead().await[0].contains("unknown variant"), "{:?}", bench.dead().await);
    assert_eq!((bench.runs.count(), bench.waiting().await), (0, 0));
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_is_left_to_a_release_that_knows_it() {
    let bench = Bench::new().await;
    drop(bench.enqueue_as("Newer", Obey::Succeed).await);
    drop(bench.enqueue(Obey::Succeed).await);

    let _sweeper = bench.sweep();

    eventually("the known one is done", async || bench.runs.count() == 1 && bench.waiting().await == 1).await;
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn waiting_for_a_shard_that_is_down_is_no_try() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::FindShardDown).await);
    bench.tamper("attempt = 11").await;

    let _sweeper = bench.sweep();

    eventually("it ran twice", async || bench.runs.count() == 2).await;
    assert!(bench.dead().await.is_empty());
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn a_job_whose_last_try_never_ended_is_parked_without_another() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Succeed).await);
    bench.tamper("attempt = 12").await;

    let _sweeper = bench.sweep();

    eventually("it is parked", async || bench.dead().await == ["its last try never ended"]).await;
    assert_eq!(bench.runs.count(), 0);
}

#[tokio::test]
async fn a_poison_job_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Fail).await);
    drop(bench.enqueue(Obey::Succeed).await);

    let _sweeper = bench.sweep();

    eventually("the good one is done", async || bench.waiting().await == 1 && bench.runs.count() >= 2).await;
}
