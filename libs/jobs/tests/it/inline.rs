use magnitude_jobs::{enqueue, run_now};

use crate::bench::{Bench, Obey, bucket};

#[tokio::test]
async fn an_inline_run_deletes_its_row() {
    let bench = Bench::new().await;
    let enqueued = bench.enqueue(Obey::Succeed).await;
    assert_eq!(bench.waiting().await, 1);

    let done = run_now(bench.shards(), &bench.runs, enqueued).await;

    assert!(done);
    assert_eq!((bench.runs.count(), bench.waiting().await), (1, 0));
}

#[tokio::test]
async fn a_failed_inline_run_leaves_its_row() {
    let bench = Bench::new().await;
    let enqueued = bench.enqueue(Obey::Fail).await;

    let done = run_now(bench.shards(), &bench.runs, enqueued).await;

    assert!(!done);
    assert_eq!(bench.waiting().await, 1);
}

#[tokio::test]
async fn a_job_exists_only_if_its_write_does() {
    let bench = Bench::new().await;
    let mut write = bench.shards().write(bucket()).await.unwrap();
    let enqueued = enqueue(&mut write, "Obey", Obey::Succeed).await.unwrap();

    write.rollback().await;

    drop(enqueued);
    assert_eq!(bench.waiting().await, 0);
}
