use magnitude_experiments::{check, jobs::feed::Feed};

use crate::stage::{Stage, new};

/// Each count, and what tells that it is off. `$1` is the reader, `$2` by how much.
const COUNTS: [(&str, &str); 2] = [
    ("unread", "update unread set count = count + $2 where reader = $1"),
    ("actors of bundle", "update notifications set others = others + $2 where reader = $1"),
];

#[tokio::test]
async fn a_count_of_notifications_that_is_off_by_one_is_reported() {
    let stage = Stage::enter().await;
    let feed = Feed::connect(&stage.databases).await.expect("the shards answer");
    let (pairs, _) = feed.write(1).await.expect("it is acknowledged");
    let (reader, _) = pairs[0];
    check::settled(&stage.databases).await.expect("the shards answer");
    let before = check::notifications(&stage.databases).await.expect("the shards answer");

    for (what, sql) in COUNTS {
        shift(&stage, sql, reader, 1).await;
        let told = new(&before, check::notifications(&stage.databases).await.expect("the shards answer"));
        shift(&stage, sql, reader, -1).await;
        assert!(told.len() == 1 && told[0].starts_with(what), "{what}: {told:?}");
    }
    let after = check::notifications(&stage.databases).await.expect("the shards answer");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

/// Wherever the reader lives.
async fn shift(stage: &Stage, sql: &'static str, reader: i64, by: i32) {
    for shard in 0..stage.databases.shards().len() {
        let mut primary = stage.unguarded(shard, "social").await;
        sqlx::query(sql).bind(reader).bind(by).execute(&mut primary).await.expect("it is changed");
    }
}
