//! Copies in the process of what is read often.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use magnitude_cache::{Cache, Keyspace};

use crate::{
    fixture::{ENTRY, Failed, Fixture, NOTES, bucket, cached, committed, found, read, read_from, some},
    garbage::run,
    server::eventually,
};

/// How old a copy may be.
const LIFE: Duration = Duration::from_secs(1);

/// Reads the note until there is a copy of it: so often at once that it is hot on a slow machine too.
async fn heat(cache: &Cache) {
    read(cache, found(1, "one")).await.unwrap();
    eventually("there is a copy", async || {
        let answers = join_all((0..60).map(|_| cached(cache))).await;
        assert!(answers.iter().all(|answer| *answer == some("one")), "{answers:?}");
        cache.copied(&NOTES, bucket(), "a").is_some()
    })
    .await;
}

/// Makes a copy and ends it; whether it was gone before its age alone would have ended it, which a busy machine may be too late to see.
async fn ended_early(cache: &Cache, end: impl AsyncFnOnce()) -> bool {
    let begun = Instant::now();
    heat(cache).await;
    end().await;
    eventually("the copy ends", async || cached(cache).await == Err(Failed)).await;
    begun.elapsed() < LIFE
}

/// How many commands the server has worked off, the question not counted.
async fn commands(fixture: &Fixture) -> u64 {
    let redis = magnitude_redis::Redis::new(&fixture.server.settings()).unwrap();
    let mut ask = redis::pipe();
    ask.cmd("INFO").arg("commandstats");
    let (info,): (String,) = redis.nodes()[0].run(&ask).await.unwrap();
    info.lines()
        .filter(|line| line.starts_with("cmdstat_evalsha:"))
        .filter_map(|line| line.split(['=', ',']).nth(1)?.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn a_hot_key_asks_redis_nothing_and_a_cold_one_does() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    heat(&cache).await;

    // Once a second a copy is made anew.
    eventually("a hundred reads ask nothing", async || {
        let before = commands(&fixture).await;
        for _ in 0..100 {
            assert_eq!(cached(&cache).await, some("one"));
        }
        commands(&fixture).await == before
    })
    .await;

    let before = commands(&fixture).await;
    cache.get(&NOTES, bucket(), "cold", async |_| found(1, "cold")).await.unwrap();
    for _ in 0..10 {
        cache.get(&NOTES, bucket(), "cold", async |_| Err(Failed)).await.unwrap();
    }
    assert!(commands(&fixture).await >= before + 10);
}

#[tokio::test]
async fn a_copy_ends_when_another_process_voids_its_key() {
    eventually("it ends by the message, not by its age", async || {
        let fixture = Fixture::new();
        let (reader, writer) = (fixture.cache(), fixture.cache());
        ended_early(&reader, async || writer.wrote(&committed(9), &[NOTES.void(bucket(), "a", 2)]).await).await
    })
    .await;
}

#[tokio::test]
async fn the_writers_own_process_and_a_session_that_wrote_never_see_the_copy() {
    let fixture = Fixture::new();
    let (one, another) = (fixture.cache(), fixture.cache());
    heat(&one).await;
    heat(&another).await;

    one.wrote(&committed(9), &[NOTES.void(bucket(), "a", 2)]).await;

    assert_eq!(cached(&one).await, Err(Failed));
    assert_eq!(cached(&another.skipping_copies()).await, Err(Failed));
}

#[tokio::test]
async fn copies_end_with_a_flush_and_with_their_connection() {
    eventually("the flush was heard", async || {
        let fixture = Fixture::new();
        ended_early(&fixture.cache(), async || run(&fixture, redis::pipe().cmd("FLUSHALL").ignore()).await).await
    })
    .await;
    eventually("the lost connection was noticed", async || {
        let mut fixture = Fixture::new();
        ended_early(&fixture.cache(), async || fixture.server.stop()).await
    })
    .await;
}

#[tokio::test]
async fn a_copy_is_a_second_old_at_most_whatever_is_heard() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    heat(&cache).await;
    let before = commands(&fixture).await;

    // The server forgets whom to tell, as if a message were lost.
    run(&fixture, redis::pipe().cmd("CONFIG").arg("SET").arg("tracking-table-max-keys").arg(1).ignore()).await;
    eventually("it is read anew", async || {
        cached(&cache).await.unwrap();
        commands(&fixture).await > before
    })
    .await;
}

#[tokio::test]
async fn an_answer_tells_what_it_was_made_of_and_when_that_is_over() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    let recorded = async |cache: &Cache| {
        let cache = cache.recording(false);
        let value = cached(&cache).await;
        (value, cache.recorded().unwrap())
    };

    let limit = Instant::now() + MINUTE;
    let parts = loop {
        heat(&reader).await;
        let (_, parts) = recorded(&reader).await;
        if parts.are_live(Instant::now()) {
            break parts;
        }
        assert!(Instant::now() < limit, "what is hot is not kept");
    };
    assert!(!parts.are_live(Instant::now() + LIFE));
    let (_, cold) = recorded(&fixture.cache()).await;
    assert!(!cold.are_live(Instant::now()), "what is not hot is not kept");
    assert_eq!(cold.tag, parts.tag, "the same state of the same key");

    writer.wrote(&committed(9), &[NOTES.void(bucket(), "a", 2)]).await;
    eventually("the change was heard", async || !parts.are_live(Instant::now())).await;
    read(&writer, found(2, "two")).await.unwrap();
    let (value, changed) = recorded(&fixture.cache()).await;
    assert_eq!(value, some("two"));
    assert_ne!(changed.tag, parts.tag);

    let spoiled = reader.recording(false);
    spoiled.spoil();
    assert!(spoiled.recorded().is_none());
    assert!(reader.recorded().is_none(), "nobody asked for it");
    run(&fixture, redis::pipe().del(ENTRY).ignore()).await;
}

const MINUTE: Duration = Duration::from_mins(1);
static TALLY: Keyspace<String> = Keyspace::new("it", "tally", MINUTE, MINUTE, MINUTE).enduring();

/// Copies the key, lets another process void it, and says what the reader answers without a load once it has heard.
async fn changed(keyspace: &Keyspace<String>, reader: &Cache, writer: &Cache, version: i64) -> Result<Option<String>, Failed> {
    for _ in 0..5 {
        read_from(reader, keyspace, found(version, &version.to_string())).await.unwrap();
    }
    let lsn = u64::try_from(version).unwrap();
    writer.wrote(&committed(lsn), &[keyspace.void(bucket(), "a", version + 1)]).await;
    eventually("the reader has heard", async || reader.copied(keyspace, bucket(), "a").is_none()).await;
    read_from(reader, keyspace, Err(Failed)).await
}

#[tokio::test]
async fn what_changes_all_the_time_is_shown_from_a_copy_for_a_moment() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    let (mut version, limit) = (1, Instant::now() + MINUTE);
    while changed(&TALLY, &reader, &writer, version).await == Err(Failed) {
        version += 1;
        assert!(Instant::now() < limit, "every change ended its copy");
    }

    let cached = async |cache: &Cache| read_from(cache, &TALLY, Err(Failed)).await;
    assert!(version > 20, "a few quick changes are no rush");
    assert_eq!(cached(&reader.skipping_copies()).await, Err(Failed), "who wrote never sees it");
    eventually("its moment is over", async || cached(&reader).await == Err(Failed)).await;
}

#[tokio::test]
async fn no_copy_of_another_kind_outlives_a_change() {
    let fixture = Fixture::new();
    let (reader, writer) = (fixture.cache(), fixture.cache());
    for version in 1..100 {
        assert_eq!(changed(&NOTES, &reader, &writer, version).await, Err(Failed));
    }
}
