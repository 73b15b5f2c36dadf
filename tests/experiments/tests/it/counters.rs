use magnitude_experiments::check;

use crate::stage::{Published, Stage, new};

/// Each counter, and what tells that it is off. `$1` is the bucket, `$2` by how much, `$3` author or article.
const COUNTERS: [(&str, &str); 4] = [
    ("articles of bucket", "update totals set articles = articles + $2 where bucket = $1 and $3::bigint is not null"),
    (
        "articles of author",
        "update authors set articles = articles + $2 where bucket = $1 and author = (select author from articles where bucket = $1 and id = $3)",
    ),
    ("articles of tag", "update tag_counts set articles = articles + $2 where bucket = $1 and $3::bigint is not null"),
    (
        "favorites of article",
        "insert into favorite_counts as c (bucket, article, slot, favorites) values ($1, $3, 15, $2)
         on conflict (bucket, article, slot) do update set favorites = c.favorites + $2",
    ),
];
const EMPTY_SLOTS: &str = "delete from favorite_counts where bucket = $1 and article = $2 and slot = 15 and favorites = 0";

#[tokio::test]
async fn a_counter_that_is_off_by_one_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let Published { id, bucket, shard, .. } = stage.published(&record);
    check::settled(&stage.databases).await.expect("the shards answer");
    let before = check::counters(&stage.databases).await.expect("the shards answer");
    let mut primary = stage.unguarded(shard, "articles").await;

    let mut found = Vec::new();
    for (what, sql) in COUNTERS {
        sqlx::query(sql).bind(bucket.as_i16()).bind(1_i64).bind(id.as_i64()).execute(&mut primary).await.expect("it is changed");
        found.push((what, new(&before, check::counters(&stage.databases).await.expect("the shards answer"))));
        sqlx::query(sql).bind(bucket.as_i16()).bind(-1_i64).bind(id.as_i64()).execute(&mut primary).await.expect("it is changed back");
    }
    sqlx::query(EMPTY_SLOTS).bind(bucket.as_i16()).bind(id.as_i64()).execute(&mut primary).await.expect("the slot goes");
    let after = check::counters(&stage.databases).await.expect("the shards answer");

    for (what, told) in found {
        assert!(!told.is_empty() && told.iter().all(|told| told.starts_with(what)), "{what}: {told:?}");
    }
    assert_eq!(new(&before, after), Vec::<String>::new());
}
