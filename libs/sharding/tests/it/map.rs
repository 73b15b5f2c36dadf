use magnitude_kit::eventually;
use magnitude_sharding::{Error, Freshness};

use crate::bench::{Bench, add_note, bucket, code, notes, run};

#[tokio::test]
async fn a_write_follows_its_bucket_to_another_shard() {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(8), 1).await.unwrap();
    move_bucket_7(&bench).await;

    // The map still says the first shard: its refusal makes the service ask again.
    let committed = add_note(bench.shards(), bucket(7), 1).await.unwrap();

    assert_eq!(committed.stamp.shard, bench.shards().names()[1]);
    assert_eq!(notes(bench.shards(), bucket(7), Freshness::Primary).await.unwrap(), [1]);
}

#[tokio::test]
async fn the_higher_of_two_epochs_owns_the_bucket() {
    let bench = Bench::new().await;
    run(&mut bench.cluster.primary(1).await, "insert into sharding.buckets (bucket, state, epoch) values (7, 'owned', 2)").await;
    let late = bench.cluster.connect().await;

    let committed = add_note(&late.shards, bucket(7), 1).await.unwrap();

    assert_eq!(committed.stamp.shard, late.shards.names()[1]);
}

#[tokio::test]
async fn equal_epochs_block_their_bucket_and_no_other() {
    let bench = Bench::new().await;
    run(&mut bench.cluster.primary(1).await, "insert into sharding.buckets (bucket, state, epoch) values (7, 'owned', 1)").await;
    let late = bench.cluster.connect().await;

    let (disputed, other) = tokio::join!(add_note(&late.shards, bucket(7), 1), add_note(&late.shards, bucket(8), 1));

    assert!(matches!(disputed, Err(Error::BucketUnavailable)), "{disputed:?}");
    other.unwrap();
}

#[tokio::test]
async fn a_fenced_bucket_takes_no_writes_until_it_is_free() {
    let bench = Bench::new().await;
    // On a busy machine the bucket may come free too late for who waits for it.
    eventually("a write is held, not refused", async || {
        run(&mut bench.cluster.primary(0).await, "update sharding.buckets set state = 'fenced' where bucket = 7").await;
        let shards = bench.shards().clone();
        let guarded = sqlx::query("select sharding.guard(7::smallint)").execute(&mut bench.cluster.primary(0).await).await;
        assert_eq!(code(guarded), "MG001");

        let held = tokio::spawn(async move { add_note(&shards, bucket(7), 1).await });
        // Reads go on meanwhile: the fenced shard still has every row.
        assert!(notes(bench.shards(), bucket(7), Freshness::Primary).await.unwrap().is_empty());
        run(&mut bench.cluster.primary(0).await, "update sharding.buckets set state = 'owned' where bucket = 7").await;

        match held.await.unwrap() {
            Err(Error::BucketUnavailable) => false,
            done => {
                done.unwrap();
                true
            }
        }
    })
    .await;
}

/// What is left of a bucket's move when all rows are there: release here, claim there.
pub async fn move_bucket_7(bench: &Bench) {
    run(
        &mut bench.cluster.primary(0).await,
        "update sharding.buckets set state = 'released', epoch = 2, released_to = 's2' where bucket = 7",
    )
    .await;
    run(&mut bench.cluster.primary(1).await, "insert into sharding.buckets (bucket, state, epoch) values (7, 'owned', 2)").await;
}
