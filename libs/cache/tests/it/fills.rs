//! Which fills are accepted, and what a void leaves.

use crate::{
    fixture::{ENTRY, Failed, Fixture, NOTES, bucket, cached, committed, found, read, some},
    garbage::run,
};

#[tokio::test]
async fn what_was_loaded_is_cached_for_all() {
    let fixture = Fixture::new();

    assert_eq!(read(&fixture.cache(), found(1, "one")).await, some("one"));

    assert_eq!(cached(&fixture.cache()).await, some("one"));
}

#[tokio::test]
async fn a_fill_begun_before_a_void_is_refused() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());

    // The version is new enough for the floor: only the lease can tell that the load began before.
    let load = async |_| {
        writer.wrote(&committed(9), &[NOTES.void(bucket(), "a", 2)]).await;
        found(2, "before")
    };
    reader.get(&NOTES, bucket(), "a", load).await.unwrap();

    assert_eq!(cached(&reader).await, Err(Failed));
}

#[tokio::test]
async fn a_fill_of_an_evicted_entry_is_refused() {
    let fixture = Fixture::new();
    let cache = fixture.cache();

    let load = async |_| {
        run(&fixture, redis::pipe().del(ENTRY).ignore()).await;
        found(1, "one")
    };
    cache.get(&NOTES, bucket(), "a", load).await.unwrap();

    assert_eq!(cached(&cache).await, Err(Failed));
}

#[tokio::test]
async fn a_negative_entry_is_cached_and_voided() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    read(&cache, Ok(None)).await.unwrap();
    assert_eq!(cached(&cache).await, Ok(None));

    cache.wrote(&committed(9), &[NOTES.void(bucket(), "a", 1)]).await;

    assert_eq!(cached(&cache).await, Err(Failed));
}

#[tokio::test]
async fn the_floor_refuses_an_older_version_and_takes_its_own() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    cache.wrote(&committed(9), &[NOTES.void(bucket(), "a", 5)]).await;

    assert_eq!(read(&cache, found(4, "old")).await, some("old"));
    assert_eq!(cached(&cache).await, Err(Failed));

    assert_eq!(read(&cache, found(5, "new")).await, some("new"));
    assert_eq!(cached(&cache).await, some("new"));
}

#[tokio::test]
async fn a_floor_is_never_lowered() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    cache.wrote(&committed(9), &[NOTES.void(bucket(), "a", 5)]).await;

    cache.void(&[NOTES.void(bucket(), "a", 3)]).await.unwrap();

    read(&cache, found(4, "old")).await.unwrap();
    assert_eq!(cached(&cache).await, Err(Failed));
}

#[tokio::test]
async fn a_void_keeps_a_newer_value() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    read(&cache, found(7, "seven")).await.unwrap();

    cache.void(&[NOTES.void(bucket(), "a", 7)]).await.unwrap();
    assert_eq!(cached(&cache).await, some("seven"));

    cache.void(&[NOTES.void(bucket(), "a", 8)]).await.unwrap();
    assert_eq!(cached(&cache).await, Err(Failed));
}
