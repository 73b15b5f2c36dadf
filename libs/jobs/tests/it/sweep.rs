use magnitude_kit::eventually;

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

    // Twice the first delay, and more than the first second: the row was given a later due time, not only its lease.
    let postponed = "select exists (select from jobs.jobs where attempt = 1 and due_at between now() and now() + interval '5 seconds')";
    eventually("it is postponed", async || bench.runs.count() == 1 && sqlx::query_scalar(postponed).fetch_one(&bench.pool).await.unwrap())
        .await;
    assert!(bench.dead().await.is_empty());
}

#[tokio::test]
async fn a_job_out_of_tries_is_parked() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Fail).await);
    set_attempt(&bench, 11).await;

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
    set_attempt(&bench, 11).await;

    let _sweeper = bench.sweep();

    eventually("it ran twice", async || bench.runs.count() == 2).await;
    assert!(bench.dead().await.is_empty());
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn a_job_whose_last_try_never_ended_is_parked_without_another() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Succeed).await);
    set_attempt(&bench, 12).await;

    let _sweeper = bench.sweep();

    eventually("it is parked", async || bench.dead().await == ["its last try never ended"]).await;
    assert_eq!(bench.runs.count(), 0);
}

/// So many tries were made before.
async fn set_attempt(bench: &Bench, attempt: i32) {
    let mut transaction = bench.pool.begin().await.unwrap();
    sqlx::query("select sharding.guard(7::smallint)").execute(&mut *transaction).await.unwrap();
    sqlx::query("update jobs.jobs set attempt = $1").bind(attempt).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn a_poison_job_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    drop(bench.enqueue(Obey::Fail).await);
    drop(bench.enqueue(Obey::Succeed).await);

    let _sweeper = bench.sweep();

    eventually("the good one is done", async || bench.waiting().await == 1 && bench.runs.count() >= 2).await;
}
