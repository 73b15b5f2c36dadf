use magnitude_jobs::{enqueue, run_now};
use magnitude_kit::eventually;

use crate::{
    bench::{Bench, bucket},
    jobs::{Leave, Obey},
};

#[tokio::test]
async fn an_inline_run_deletes_its_row() {
    let bench = Bench::new().await;
    let enqueued = bench.enqueue(Obey::Succeed).await;
    assert_eq!(bench.waiting().await, 1);

    let done = run_now(bench.shards(), &bench.state, enqueued).await;

    assert!(done);
    assert_eq!((bench.state.runs(), bench.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_failed_inline_run_leaves_its_row() {
    let bench = Bench::new().await;
    let enqueued = bench.enqueue(Obey::Fail).await;

    let done = run_now(bench.shards(), &bench.state, enqueued).await;

    assert!(!done);
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn a_job_exists_only_if_its_write_does() {
    let bench = Bench::new().await;
    let mut write = bench.shards().write(bucket()).await.unwrap();
    let enqueued = enqueue(&mut write, Obey::Succeed).await.unwrap();

    write.rollback().await;

    drop(enqueued);
    assert_eq!(bench.waiting().await, 0);
}

#[tokio::test]
async fn a_process_that_died_after_the_effect_leaves_nothing_to_do() {
    let bench = Bench::new().await;
    let enqueued = bench.enqueue(Leave { fail_after: 1, ..Leave::once() }).await;
    // Its effect is committed; its row stays.
    assert!(!run_now(bench.shards(), &bench.state, enqueued).await);
    assert_eq!((bench.effects().await, bench.waiting().await), (1, 1));

    let _worker = bench.work();

    eventually("the row goes", async || bench.waiting().await == 0).await;
    assert_eq!((bench.effects().await, bench.state.runs()), (1, 2));
}
