//! Readers of one process share what one of them asks, and never an answer that is older than their question.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{join_all, try_join_all};
use magnitude_cache::Versioned;
use magnitude_ids::Bucket;
use tokio::sync::{Barrier, Notify};

use crate::{
    fixture::{Failed, Fixture, NOTES, STALE, bucket, committed, found, read_from, some},
    server::eventually,
};

#[tokio::test]
async fn without_redis_too_readers_of_one_key_share_a_load() {
    let mut fixture = Fixture::new();
    let cache = fixture.cache();
    fixture.server.stop();
    let loads = AtomicUsize::new(0);
    let load = async |_| {
        loads.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        found(1, "one")
    };

    let values = try_join_all((0..1_000).map(|_| cache.get(&NOTES, bucket(), "a", load))).await.unwrap();

    assert!(values.iter().all(|value| value.as_ref().is_some_and(|value| **value == "one")));
    assert_eq!(loads.into_inner(), 2, "the first one's, and one for all who came while it ran");
}

#[tokio::test]
async fn a_reader_after_a_write_gets_no_answer_that_was_asked_for_before_it() {
    let mut fixture = Fixture::new();
    let cache = fixture.cache();
    // Nothing but the rule of flights keeps the two apart.
    fixture.server.stop();
    let (began, written) = (Notify::new(), Notify::new());

    let before = cache.get(&NOTES, bucket(), "a", async |_| {
        began.notify_one();
        written.notified().await;
        found(1, "old")
    });
    let after = async {
        began.notified().await;
        let read = cache.get(&NOTES, bucket(), "a", async |_| found(2, "new"));
        let done = async {
            tokio::task::yield_now().await;
            written.notify_one();
        };
        tokio::join!(read, done).0
    };
    let (before, after) = tokio::join!(before, after);

    assert_eq!(before.unwrap().as_deref().map(String::as_str), Some("old"));
    assert_eq!(after.unwrap().as_deref().map(String::as_str), Some("new"));
}

#[tokio::test]
async fn readers_of_the_same_keys_in_any_order_all_end() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    let together = Barrier::new(20);
    let keys = |turn: usize| {
        (0..20).map(move |number| (Bucket::new(u16::try_from((number + turn) % 20).unwrap()).unwrap(), "k".to_owned())).collect::<Vec<_>>()
    };
    let load = async |missed: Vec<usize>, _| {
        tokio::task::yield_now().await;
        Ok::<_, Failed>(missed.into_iter().map(|index| (index, Versioned::new(1, "one".to_owned()))).collect())
    };

    let reads = (0..20).map(async |turn| {
        let keys = keys(turn);
        together.wait().await;
        cache.get_many(&NOTES, &keys, load).await.unwrap().iter().flatten().count()
    });
    let counts = tokio::time::timeout(std::time::Duration::from_mins(1), join_all(reads)).await.expect("nobody waits for ever");

    assert!(counts.iter().all(|count| *count == 20), "{counts:?}");
}

#[tokio::test]
async fn a_failed_load_fails_those_who_waited_for_it_and_no_later_ones() {
    let fixture = Fixture::new();
    let cache = fixture.cache();

    let failed = join_all((0..50).map(|_| cache.get(&NOTES, bucket(), "a", async |_| Err(Failed)))).await;

    assert!(failed.iter().all(Result::is_err));
    assert_eq!(read_from(&cache, &NOTES, found(1, "one")).await, some("one"));
}

#[tokio::test]
async fn what_is_due_is_served_when_it_cannot_be_loaded() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    read_from(&cache, &STALE, found(1, "old")).await.unwrap();

    assert_eq!(read_from(&cache, &STALE, Err(Failed)).await, some("old"));

    cache.wrote(&committed(9), &[STALE.void(bucket(), "a", 2)]).await;
    assert_eq!(read_from(&cache, &STALE, Err(Failed)).await, Err(Failed), "but not what a write made old");
    eventually("its lease was given back", async || read_from(&cache, &STALE, found(2, "new")).await == some("new")).await;
}
