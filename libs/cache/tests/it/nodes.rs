//! Several nodes: each has its share of the keys, and one that is gone takes only its own with it.

use magnitude_cache::Cache;
use magnitude_ids::Bucket;
use magnitude_redis::Settings;

use crate::{
    fixture::{Failed, Fixture, NOTES, found, some},
    server::Server,
};

async fn read(cache: &Cache, bucket: Bucket, load: crate::fixture::Loaded<String>) -> Result<Option<String>, Failed> {
    Ok(cache.get(&NOTES, bucket, bucket, async |_| load.clone()).await?.map(|value| (*value).clone()))
}

#[tokio::test]
async fn a_dead_node_costs_its_own_keys_only() {
    let fixture = Fixture::new();
    let mut second = Server::start();
    let nodes = [&fixture.server, &second].map(|server| server.settings().nodes[0].clone()).into();
    let cache = fixture.cache_on(&Settings { nodes, ..fixture.server.settings() });
    let buckets: Vec<_> = Bucket::all().take(60).collect();
    for bucket in &buckets {
        read(&cache, *bucket, found(1, "one")).await.unwrap();
    }

    second.stop();

    let mut lost = 0;
    for bucket in &buckets {
        match read(&cache, *bucket, Err(Failed)).await {
            Err(Failed) => lost += 1,
            kept => assert_eq!(kept, some("one")),
        }
        // What is lost is loaded all the same.
        assert!(read(&cache, *bucket, found(1, "one")).await.is_ok());
    }
    assert!((5..=55).contains(&lost), "{lost} of 60 were on the second node");
}
