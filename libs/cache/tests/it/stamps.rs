//! When a replica may answer.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use magnitude_ids::Bucket;
use magnitude_redis::Settings;
use magnitude_sharding::{Committed, Freshness, Position, ShardFreshness, Stamp};

use crate::fixture::{Fixture, HERE, bucket, committed, stamp};

#[tokio::test]
async fn a_missing_stamp_means_the_primary_and_is_set() {
    let fixture = Fixture::new();

    assert_eq!(fixture.cache().freshness(bucket()).await, Freshness::Primary);

    assert_eq!(fixture.cache().freshness(bucket()).await, Freshness::AtLeast(stamp("s1", HERE)));
}

#[tokio::test]
async fn a_stamp_is_never_lowered() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    // In hexadecimal and of fixed width: as plain text, 100 would come before 9.
    cache.wrote(&committed(100), &[]).await;

    cache.wrote(&committed(9), &[]).await;

    assert_eq!(cache.freshness(bucket()).await, Freshness::AtLeast(stamp("s1", 100)));
}

#[tokio::test]
async fn a_newer_timeline_raises_a_stamp() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    cache.wrote(&committed(100), &[]).await;
    let stamp = Stamp { shard: "s1".into(), position: Position { timeline: 2, lsn: 9 } };

    cache.wrote(&Committed { bucket: bucket(), stamp: stamp.clone() }, &[]).await;

    assert_eq!(cache.freshness(bucket()).await, Freshness::AtLeast(stamp));
}

#[tokio::test]
async fn a_missing_stamp_set_late_after_a_raise_is_refused() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    fixture.stamps.write_meanwhile(&writer, committed(9));

    assert_eq!(reader.freshness(bucket()).await, Freshness::Primary);

    assert_eq!(reader.freshness(bucket()).await, Freshness::AtLeast(stamp("s1", 9)));
}

#[tokio::test]
async fn a_shards_missing_stamp_set_late_after_a_raise_is_refused() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    fixture.stamps.write_meanwhile(&writer, committed(9));

    assert_eq!(reader.freshness_of_shards().await, ShardFreshness::new());

    let stamps = [("s1".into(), stamp("s1", 9)), ("s2".into(), stamp("s2", HERE))];
    assert_eq!(reader.freshness_of_shards().await, stamps.into());
}

#[tokio::test]
async fn a_stamp_of_the_shard_that_owned_the_bucket_before_is_made_anew() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    cache.wrote(&committed(9), &[]).await;

    fixture.stamps.move_buckets();

    assert_eq!(cache.freshness(bucket()).await, Freshness::Primary);
    assert_eq!(cache.freshness(bucket()).await, Freshness::AtLeast(stamp("s2", HERE)));
    let moved = stamp("s2", HERE + 1);
    cache.wrote(&Committed { bucket: bucket(), stamp: moved.clone() }, &[]).await;
    assert_eq!(cache.freshness(bucket()).await, Freshness::AtLeast(moved));
}

#[tokio::test]
async fn stamps_of_an_older_timeline_are_made_anew() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    cache.wrote(&committed(9), &[]).await;
    let after = Stamp { shard: "s1".into(), position: Position { timeline: 2, lsn: HERE } };

    fixture.stamps.fail_over(2);

    assert_eq!(cache.freshness(bucket()).await, Freshness::Primary);
    assert_eq!(cache.freshness(bucket()).await, Freshness::AtLeast(after.clone()));
    cache.freshness_of_shards().await;
    assert_eq!(cache.freshness_of_shards().await.get("s1"), Some(&after));
}

#[tokio::test]
async fn a_group_of_buckets_has_the_latest_of_their_stamps_or_none() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let other = Bucket::new(8).unwrap();
    cache.wrote(&committed(9), &[]).await;

    assert_eq!(cache.freshness_of(&[bucket(), other]).await, ShardFreshness::new());

    let latest = [("s1".into(), stamp("s1", 9))];
    assert_eq!(cache.freshness_of(&[bucket(), other, other]).await, latest.into());
}

#[tokio::test]
async fn a_page_of_missing_stamps_asks_its_shard_once() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let buckets: Vec<_> = Bucket::all().take(200).collect();

    assert_eq!(cache.freshness_of(&buckets).await, ShardFreshness::new());

    assert_eq!(fixture.stamps.asked(), 1);
    let all = [("s1".into(), stamp("s1", HERE))];
    assert_eq!(cache.freshness_of(&buckets).await, all.into());
}

#[tokio::test]
async fn silent_nodes_are_waited_for_at_once() {
    let fixture = Fixture::new();
    // The kernel accepts for them, and nobody answers.
    let silent: Vec<_> = (0..16).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let nodes = silent.iter().map(|node| node.local_addr().unwrap().to_string()).collect();
    let cache = fixture.cache_on(&Settings { nodes, timeout_ms: 2_000, ..fixture.server.settings() });
    // Enough that every node has some.
    let buckets: Vec<_> = Bucket::all().take(256).collect();

    let begun = Instant::now();
    let (of_buckets, of_shards) = tokio::join!(cache.freshness_of(&buckets), cache.freshness_of_shards());

    assert_eq!((of_buckets, of_shards), (ShardFreshness::new(), ShardFreshness::new()));
    // Two seconds, or a little more on a busy machine; one after the other they would take half a minute.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
