use std::time::{Duration, Instant};

use magnitude_experiments::{check, load::Record};
use magnitude_ids::Id;
use magnitude_kit::eventually;
use serde_json::Value;

use crate::stage::{Published, Stage};

const TAKE: &str = "delete from articles where bucket = $1 and id = $2 returning to_jsonb(articles)";
const GIVE_BACK: &str = "insert into articles select * from jsonb_populate_record(null::articles, $1)";
const AGAIN: &str = "
    insert into articles select (jsonb_populate_record(null::articles, to_jsonb(a) || jsonb_build_object('id', $3::bigint))).*
    from articles a where bucket = $1 and id = $2";
const REMOVE: &str = "delete from articles where bucket = $1 and id = $2";

#[tokio::test]
async fn a_lost_acknowledged_article_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let before = check::acknowledged(&record).await.expect("the API answers");
    let Published { id, bucket, shard, article, .. } = stage.published(&record);
    let mut primary = stage.unguarded(shard, "articles").await;

    let row: Value =
        sqlx::query_scalar(TAKE).bind(bucket.as_i16()).bind(id.as_i64()).fetch_one(&mut primary).await.expect("the row is there");
    // A replica may show it for a moment, and the cache then longer.
    let lost = [format!("{}: 0 times", article.title), format!("{}: not found", article.title)];
    let found = told(&stage, &record, &lost).await;
    sqlx::query(GIVE_BACK).bind(row).execute(&mut primary).await.expect("the row goes back");
    eventually("the article is found again", async || {
        stage.forget().await;
        check::acknowledged(&record).await.is_ok_and(|found| found.is_empty())
    })
    .await;

    assert_eq!(before, Vec::<String>::new());
    assert!(tells(&found, &lost), "{found:?}");
}

#[tokio::test]
async fn a_doubled_article_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let before = check::acknowledged(&record).await.expect("the API answers");
    let Published { id, bucket, shard, article, .. } = stage.published(&record);
    let mut primary = stage.unguarded(shard, "articles").await;
    let copy = Id::from_i64(id.as_i64() ^ 1).expect("it is not negative");

    sqlx::query(AGAIN).bind(bucket.as_i16()).bind(id.as_i64()).bind(copy.as_i64()).execute(&mut primary).await.expect("it is copied");
    // A replica may not have it for a moment, and the cache then longer.
    let twice = [format!("{}: 2 times", article.title)];
    let found = told(&stage, &record, &twice).await;
    sqlx::query(REMOVE).bind(bucket.as_i16()).bind(copy.as_i64()).execute(&mut primary).await.expect("it is removed");
    stage.forget().await;

    assert_eq!(before, Vec::<String>::new());
    assert!(tells(&found, &twice), "{found:?}");
}

/// What the checker tells once it tells all of this, or else after a minute: it does not fail, since what is broken must be mended first.
async fn told(stage: &Stage, record: &Record, wanted: &[String]) -> Vec<String> {
    let limit = Instant::now() + Duration::from_mins(1);
    loop {
        stage.forget().await;
        let found = check::acknowledged(record).await.unwrap_or_else(|error| vec![format!("{error:#}")]);
        if tells(&found, wanted) || Instant::now() > limit {
            return found;
        }
    }
}

/// Whether each has a sentence that begins with it.
fn tells(found: &[String], wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| found.iter().any(|told| told.starts_with(wanted)))
}
