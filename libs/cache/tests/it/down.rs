//! Redis being down is no failure.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use magnitude_cache::Cache;
use magnitude_redis::Settings;
use magnitude_sharding::Freshness;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::{
    fixture::{Failed, Fixture, NOTES, bucket, cached, committed, found, read, some, stamp},
    server::eventually,
};

#[tokio::test]
async fn the_loader_answers_soon() {
    let mut fixture = Fixture::new();
    // Who waited for its limit would take longer than the test allows.
    let cache = fixture.cache_on(&Settings { timeout_ms: 120_000, ..fixture.server.settings() });
    read(&cache, found(1, "cached")).await.unwrap();
    fixture.server.stop();

    let begun = Instant::now();
    let value = read(&cache, found(2, "loaded")).await;

    assert_eq!(value, some("loaded"));
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

/// How many of forty loads ran at once, unless one was turned away, as who waits for a second is.
async fn most_at_once(cache: &Cache) -> Result<usize, Failed> {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let eight = Barrier::new(8);

    let load = async |freshness| {
        assert_eq!(freshness, Freshness::Primary);
        most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        eight.wait().await;
        now.fetch_sub(1, Ordering::Relaxed);
        found(1, "one")
    };
    let reads = try_join_all((0..40).map(|number| cache.get(&NOTES, bucket(), number, load)));
    tokio::time::timeout(Duration::from_mins(1), reads).await.expect("eight loads run at once")?;
    Ok(most.into_inner())
}

#[tokio::test]
async fn loads_read_the_primary_a_few_at_a_time() {
    let mut fixture = Fixture::new();
    let cache = fixture.cache();
    fixture.server.stop();
    for _ in 0..20 {
        // On a busy machine some wait for too long.
        if let Ok(most) = most_at_once(&cache).await {
            assert_eq!(most, 8);
            return;
        }
    }
    panic!("somebody was turned away every time");
}

#[tokio::test]
async fn voids_are_repaired_after_it_returns() {
    let mut fixture = Fixture::new();
    let (writer, reader) = (fixture.cache(), fixture.cache());
    fixture.server.stop();
    writer.wrote(&committed(9), &[NOTES.void(bucket(), "a", 2)]).await;
    fixture.server.start_again();
    // Another process loaded before the write, and fills now.
    read(&reader, found(1, "old")).await.unwrap();
    assert_eq!(cached(&reader).await, some("old"));

    assert_eq!(cached(&writer).await, Err(Failed), "the writer knows better");
    assert_eq!(writer.freshness(bucket()).await, Freshness::Primary);
    let stop = CancellationToken::new();
    let repair = tokio::spawn(writer.repair(stop.clone()));

    eventually("the void is repeated", async || cached(&reader).await == Err(Failed)).await;
    assert_eq!(reader.freshness(bucket()).await, Freshness::AtLeast(stamp("s1", 9)));
    read(&reader, found(2, "new")).await.unwrap();
    eventually("the writer believes Redis again", async || cached(&writer).await == some("new")).await;
    stop.cancel();
    repair.await.unwrap();
}

#[tokio::test]
async fn a_write_that_could_not_be_told_is_said_to_the_request_whose_session_then_reads_around_the_cache() {
    static UNTOLD: AtomicUsize = AtomicUsize::new(0);
    let mut fixture = Fixture::new();
    let reader = fixture.cache();
    read(&reader, found(1, "old")).await.unwrap();
    let writer = fixture.cache().on_untold(|| {
        UNTOLD.fetch_add(1, Ordering::Relaxed);
    });
    writer.wrote(&committed(9), &[]).await;
    assert_eq!(UNTOLD.load(Ordering::Relaxed), 0);

    // Through another process its old value is still there.
    let around = reader.bypassed();
    assert_eq!(read(&around, found(2, "new")).await, some("new"));
    assert_eq!(around.freshness(bucket()).await, Freshness::Primary);
    assert!(around.recording(false).recorded().is_none());
    assert_eq!(cached(&reader).await, some("old"), "nothing was filled");

    fixture.server.stop();
    writer.wrote(&committed(10), &[]).await;
    assert_eq!(UNTOLD.load(Ordering::Relaxed), 1);
}
