//! One load for many readers, whatever becomes of it.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::try_join_all};
use magnitude_cache::Cache;
use tokio::sync::Notify;

use crate::fixture::{Failed, Fixture, NOTES, STALE, bucket, cached, found, read, read_from, some};

/// So long a reader waits for who has the lease; then it loads for itself, and fills nothing.
const WAIT: Duration = Duration::from_secs(2);

/// How many loads a hundred readers at once made, if none of them can have waited for too long.
async fn loads_of_a_hundred() -> Option<usize> {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());
    let loads = AtomicUsize::new(0);

    let load = async |_| {
        loads.fetch_add(1, Ordering::Relaxed);
        // The others ask meanwhile.
        tokio::task::yield_now().await;
        found(1, "one")
    };
    let begun = Instant::now();
    let reads = (0..50).flat_map(|_| [&one, &another]).map(|cache| cache.get(&NOTES, bucket(), "a", load));
    let values = try_join_all(reads).await.unwrap();

    let quick = begun.elapsed() < WAIT;
    assert!(values.iter().all(|value| value.as_ref().is_some_and(|value| **value == "one")));
    quick.then(|| loads.into_inner())
}

#[tokio::test]
async fn a_hundred_misses_make_one_load() {
    for _ in 0..20 {
        if let Some(loads) = loads_of_a_hundred().await {
            assert_eq!(loads, 1);
            return;
        }
    }
    panic!("no hundred readers were quick enough");
}

#[tokio::test]
async fn a_stale_value_is_served_while_one_refreshes_it() {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());
    read_from(&one, &STALE, found(1, "old")).await.unwrap();

    let refresh = async |_| {
        assert_eq!(read_from(&one, &STALE, Err(Failed)).await, some("old"));
        assert_eq!(read_from(&another, &STALE, Err(Failed)).await, some("old"));
        found(2, "new")
    };
    let value = one.get(&STALE, bucket(), "a", refresh).await.unwrap();

    assert_eq!(value.as_deref().map(String::as_str), Some("new"));
}

#[tokio::test]
async fn a_failed_load_gives_its_lease_back() {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());

    assert_eq!(read(&one, Err(Failed)).await, Err(Failed));

    // Only a load with the lease fills.
    read(&another, found(1, "one")).await.unwrap();
    assert_eq!(cached(&another).await, some("one"));
}

/// Cancels whoever has the lease, until it comes back while a reader waits for it: that one fills.
async fn comes_back(cancel: impl AsyncFn(&Fixture) -> Cache) {
    for _ in 0..20 {
        let fixture = Fixture::new();
        let reader = cancel(&fixture).await;
        let begun = Instant::now();
        read(&reader, found(1, "one")).await.unwrap();
        if begun.elapsed() < WAIT {
            assert_eq!(cached(&reader).await, some("one"));
            return;
        }
    }
    panic!("no lease came back while it was waited for");
}

#[tokio::test]
async fn a_cancelled_load_gives_its_lease_back() {
    comes_back(async |fixture: &Fixture| {
        let (one, another) = (fixture.cache(), fixture.cache());
        let begun = Arc::new(Notify::new());
        let begins = begun.clone();
        let load = move |_| {
            let begins = begins.clone();
            async move {
                begins.notify_one();
                pending::<()>().await;
                Err(Failed)
            }
        };
        let reader = tokio::spawn(async move { one.get(&NOTES, bucket(), "a", load).await });
        begun.notified().await;

        reader.abort();
        drop(reader.await);
        another
    })
    .await;
}

#[tokio::test]
async fn a_reader_cancelled_before_the_answer_gives_its_lease_back() {
    comes_back(async |fixture: &Fixture| {
        let cache = fixture.cache();
        // Connected already: else the first poll sends nothing.
        cache.freshness(bucket()).await;

        // Polled once, which sends the question, and dropped.
        let cancelled = read(&cache, found(1, "one")).now_or_never();

        assert!(cancelled.is_none());
        cache
    })
    .await;
}
