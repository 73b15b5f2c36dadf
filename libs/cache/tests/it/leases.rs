//! One load for many readers, whatever becomes of it.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt, future::try_join_all};
use tokio::sync::Notify;

use crate::fixture::{Failed, Fixture, NOTES, STALE, bucket, cached, found, read, read_from, some};

#[tokio::test]
async fn a_hundred_misses_make_one_load() {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());
    let loads = AtomicUsize::new(0);

    let load = async |_| {
        loads.fetch_add(1, Ordering::Relaxed);
        // The others ask meanwhile.
        tokio::task::yield_now().await;
        found(1, "one")
    };
    let reads = (0..50).flat_map(|_| [&one, &another]).map(|cache| cache.get(&NOTES, bucket(), "a", load));
    let values = try_join_all(reads).await.unwrap();

    assert!(values.iter().all(|value| value.as_ref().is_some_and(|value| **value == "one")));
    assert_eq!(loads.into_inner(), 1);
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

#[tokio::test]
async fn a_cancelled_load_gives_its_lease_back() {
    let fixture = Fixture::new();
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

    read(&another, found(1, "one")).await.unwrap();
    assert_eq!(cached(&another).await, some("one"));
}

#[tokio::test]
async fn a_reader_cancelled_before_the_answer_gives_its_lease_back() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    // Connected already: else the first poll sends nothing.
    cache.freshness(bucket()).await;

    // Polled once, which sends the question, and dropped.
    let cancelled = read(&cache, found(1, "one")).now_or_never();

    assert!(cancelled.is_none());
    read(&cache, found(1, "one")).await.unwrap();
    assert_eq!(cached(&cache).await, some("one"));
}
