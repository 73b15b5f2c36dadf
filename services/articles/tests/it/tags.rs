use magnitude_articles::store;
use magnitude_ids::{Bucket, Id};
use magnitude_sharding::ShardFreshness;

use crate::{Shards, publish, shards, two_users};

/// On the first shard, and on the second.
const BUCKETS: [u16; 2] = [100, 4000];

/// Counts tags as if they had been used so often, last so many seconds ago.
async fn count(shards: &Shards, bucket: u16, tags: &[String], uses: i64, age_s: i32) {
    let mut write = shards.write(Bucket::new(bucket).unwrap()).await.unwrap();
    let sql = "insert into tag_counts select $1, tag, $3, clock_timestamp() - $4 * interval '1 second' from unnest($2::text[]) tag";
    let query = sqlx::query(sql).bind(i16::try_from(bucket).unwrap()).bind(tags).bind(uses).bind(age_s);
    query.execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
}

fn names(prefix: &str, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("{prefix}{number:04}")).collect()
}

async fn list(shards: &Shards) -> Vec<String> {
    store::tags::list(shards, &ShardFreshness::new()).await.unwrap()
}

#[tokio::test]
async fn a_tag_used_a_moment_ago_is_listed_with_the_popular_ones() {
    let shards = shards().await;
    let [ann, bob]: [Id; 2] = two_users();
    for (author, tags) in [(ann, &["even", "all"][..]), (bob, &["all"])] {
        publish(&shards, author, "title", tags).await;
    }

    assert_eq!(list(&shards).await, ["all", "even"]);
}

#[tokio::test]
async fn the_most_used_tag_of_all_is_found_though_no_shard_has_it_among_its_first() {
    let shards = shards().await;
    for (bucket, prefix) in BUCKETS.into_iter().zip(["x", "y"]) {
        count(&shards, bucket, &names(prefix, 0..250), 10, 3600).await;
        count(&shards, bucket, &["hidden".to_owned()], 9, 3600).await;
        count(&shards, bucket, &names("z", 0..100), 1, 60).await;
    }

    assert_eq!(list(&shards).await[0], "hidden");
}

#[tokio::test]
async fn the_fifty_most_used_tags_are_exact_however_they_are_spread() {
    let shards = shards().await;
    // The k-th tag is used 1 000 - k times, more or less on one of the shards, among many that only one shard uses.
    for k in 0..120_i64 {
        let tag = [format!("t{k:04}")];
        let first = (k * 37) % 500 + 1;
        for (bucket, uses) in BUCKETS.into_iter().zip([first, 1_000 - k - first]) {
            count(&shards, bucket, &tag, uses, 3600).await;
        }
    }
    for (bucket, prefix) in BUCKETS.into_iter().zip(["x", "y"]) {
        count(&shards, bucket, &names(prefix, 0..300), 880, 3600).await;
    }

    let listed = list(&shards).await;

    assert_eq!(listed[..50], names("t", 0..50));
}

#[tokio::test]
async fn a_fresh_tag_is_listed_beside_sixty_that_are_used_more() {
    let shards = shards().await;
    let popular = names("popular", 0..60);
    count(&shards, BUCKETS[0], &popular[..30], 7, 120).await;
    count(&shards, BUCKETS[1], &popular[30..], 7, 120).await;
    publish(&shards, two_users()[0], "title", &["fresh"]).await;

    let listed = list(&shards).await;

    assert_eq!(listed[..50], popular[..50]);
    assert!(listed.contains(&"fresh".to_owned()));
}

#[tokio::test]
async fn the_fifty_most_recent_tags_are_listed_however_old_they_are() {
    let shards = shards().await;
    let (old, recent) = (names("old", 0..60), names("recent", 0..50));
    count(&shards, BUCKETS[0], &old, 9, 7200).await;
    for (bucket, some) in BUCKETS.into_iter().zip(recent.chunks(25)) {
        count(&shards, bucket, some, 1, 3600).await;
    }

    let listed = list(&shards).await;

    assert_eq!(listed[..50], old[..50]);
    let mut rest = listed[50..].to_vec();
    rest.sort();
    assert_eq!(rest, recent);
}

#[tokio::test]
async fn at_most_a_thousand_tags_are_listed() {
    let shards = shards().await;
    let popular = names("popular", 0..50);
    count(&shards, BUCKETS[0], &popular, 9, 3600).await;
    for (bucket, prefix) in BUCKETS.into_iter().zip(["x", "y"]) {
        count(&shards, bucket, &names(prefix, 0..800), 1, 0).await;
    }

    let listed = list(&shards).await;

    assert_eq!((listed.len(), &listed[..50]), (1_000, popular.as_slice()));
}
