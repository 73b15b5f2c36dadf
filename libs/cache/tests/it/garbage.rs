//! What something else left in Redis counts as a miss.

use magnitude_cache::{Keyspace, Versioned};
use magnitude_redis::Redis;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::fixture::{ENTRY, Failed, Fixture, NOTES, bucket, cached, found, read, some};

/// What another release would make of the notes.
const NUMBERS: Keyspace<u64> = {
    let hour = std::time::Duration::from_hours(1);
    Keyspace::new("it", "notes", hour, hour, hour)
};

/// Tells Redis something behind the cache's back.
pub async fn run(fixture: &Fixture, pipeline: &redis::Pipeline) {
    let redis = Redis::new(&fixture.server.settings()).unwrap();
    redis.nodes()[0].run::<()>(pipeline).await.unwrap();
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_replaced_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let fixture = Fixture::new();
    let cache = fixture.cache();
    read(&cache, found(2, "text")).await.unwrap();

    let load = async |_| Ok::<_, Failed>(Some(Versioned::new(1, 17)));
    let number = cache.get(&NUMBERS, bucket(), "a", load).await.unwrap();

    assert_eq!(number.as_deref(), Some(&17));
    let again = cache.get(&NUMBERS, bucket(), "a", async |_| Err(Failed)).await;
    assert_eq!(again.unwrap().as_deref(), Some(&17), "it was replaced");
    let text = metrics.render();
    assert!(text.contains(r#"cache_undecodable_total{keyspace="notes"} 1"#), "{text}");
}

#[tokio::test]
async fn a_payload_that_does_not_decode_is_loaded_by_one_of_its_readers() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    read(&cache, found(1, "text")).await.unwrap();
    let loads = std::sync::atomic::AtomicUsize::new(0);

    let load = async |_| {
        loads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, Failed>(Some(Versioned::new(1, 17)))
    };
    let reads = (0..20).map(|_| cache.get(&NUMBERS, bucket(), "a", load));
    let numbers = futures_util::future::try_join_all(reads).await.unwrap();

    assert!(numbers.iter().all(|number| number.as_deref() == Some(&17)));
    assert_eq!(loads.into_inner(), 1);
}

#[tokio::test]
async fn an_entry_of_the_wrong_type_is_a_miss() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    run(&fixture, redis::pipe().lpush(ENTRY, "x").ignore()).await;

    assert_eq!(read(&cache, found(1, "one")).await, some("one"));
    assert_eq!(cached(&cache).await, Err(Failed));
}

#[tokio::test]
async fn an_entry_with_garbage_for_its_fields_is_a_miss() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    run(&fixture, redis::pipe().hset_multiple(ENTRY, &[("s", "soon"), ("p", "\"x\""), ("le", "late")]).ignore()).await;

    assert_eq!(read(&cache, found(1, "one")).await, some("one"));
}

#[tokio::test]
async fn a_wrong_type_fails_the_void_and_not_the_write() {
    let fixture = Fixture::new();
    let cache = fixture.cache();
    run(&fixture, redis::pipe().lpush(ENTRY, "x").ignore()).await;
    let voids = [NOTES.void(bucket(), "a", 1)];

    cache.wrote(&crate::fixture::committed(9), &voids).await;

    assert!(cache.void(&voids).await.is_err(), "the job tries again");
}
