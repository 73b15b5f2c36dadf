use crate::bench::{Bench, bucket, code, insert_note, run};

#[tokio::test]
async fn a_write_to_the_wrong_shard_fails_in_the_database() {
    let bench = Bench::new().await;
    let mut second = bench.cluster.primary(1).await;

    let guarded = sqlx::query("select sharding.guard(7::smallint)").execute(&mut second).await;

    assert_eq!(code(guarded), "MG001");
}

#[tokio::test]
async fn a_write_that_skipped_the_guard_is_refused() {
    let bench = Bench::new().await;
    let mut first = bench.cluster.primary(0).await;

    let unguarded = insert_note(&mut first, bucket(7), 1).await;
    assert_eq!(code(unguarded), "MG002");

    run(&mut first, "begin; select sharding.guard(8::smallint)").await;
    let guarded_for_another = insert_note(&mut first, bucket(7), 1).await;
    assert_eq!(code(guarded_for_another), "MG002");
}

#[tokio::test]
async fn a_guard_ends_with_its_transaction() {
    let bench = Bench::new().await;
    let mut first = bench.cluster.primary(0).await;
    run(&mut first, "begin; select sharding.guard(7::smallint); commit").await;

    let later = insert_note(&mut first, bucket(7), 1).await;

    assert_eq!(code(later), "MG002");
}

#[tokio::test]
async fn repeatable_read_is_refused() {
    let bench = Bench::new().await;
    let mut first = bench.cluster.primary(0).await;
    run(&mut first, "begin isolation level repeatable read").await;

    let guarded = sqlx::query("select sharding.guard(7::smallint)").execute(&mut first).await;

    assert_eq!(code(guarded), "MG003");
}

#[tokio::test]
async fn a_row_cannot_change_its_bucket() {
    let bench = Bench::new().await;
    let mut write = bench.shards().write(bucket(7)).await.unwrap();
    insert_note(&mut write, bucket(7), 1).await.unwrap();

    let moved = sqlx::query("update notes set bucket = 8 where bucket = 7").execute(&mut *write).await;

    assert_eq!(code(moved), "MG002");
}

#[tokio::test]
async fn a_fence_waits_for_the_writes_that_passed_the_guard() {
    let bench = Bench::new().await;
    let mut fence = bench.cluster.primary(0).await;
    let lock = "select pg_try_advisory_lock(77301, 7)";

    let write = bench.shards().write(bucket(7)).await.unwrap();
    let during: bool = sqlx::query_scalar(lock).fetch_one(&mut fence).await.unwrap();
    write.commit().await.unwrap();
    let after: bool = sqlx::query_scalar(lock).fetch_one(&mut fence).await.unwrap();

    assert!(!during, "the fence came through under an open write");
    assert!(after);
}
