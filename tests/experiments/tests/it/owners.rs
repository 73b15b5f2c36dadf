use magnitude_experiments::{
    check,
    frozen::{Frozen, Written},
};
use magnitude_ids::Bucket;
use magnitude_kit::eventually;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::stage::{Published, Stage, new, runner};

const SERVICE: &str = "social";
const GUARD: &str = "select pg_get_functiondef('sharding.guard(smallint)'::regprocedure)";
/// Lets everybody through, and tells the trigger so.
const GUARD_OFF: &str = "
    create or replace function sharding.guard(b smallint) returns boolean language plpgsql volatile as $$
    begin
        perform set_config('sharding.guarded_' || b, '1', true);
        return true;
    end $$";
const CLAIM: &str = "
    insert into sharding.buckets (bucket, state, epoch)
    select b, 'owned', 1 from generate_series(0, 4095) b where b not in (select bucket from sharding.buckets) limit 1
    returning bucket";
const STRAYS: &str = "delete from sharding.writes where bucket = $1";
const ROW: &str = "select to_jsonb(articles) from articles where bucket = $1 and id = $2";
const COPY: &str = "insert into articles select * from jsonb_populate_record(null::articles, $1)";
const REMOVE: &str = "delete from articles where bucket = $1 and id = $2";

#[tokio::test]
async fn the_guard_refuses_a_frozen_router() {
    let stage = Stage::enter().await;
    let (bucket, wrong) = (Bucket::random(), wrong_shard(&stage));

    let written = freeze(&stage, bucket, wrong(bucket)).await;

    assert_eq!((written.accepted, written.violations), (0, Vec::<String>::new()));
    assert!(written.refused > 0);
}

#[tokio::test]
async fn a_write_that_a_missing_guard_lets_through_is_reported() {
    let stage = Stage::enter().await;
    let bucket = Bucket::random();
    let shard = wrong_shard(&stage)(bucket);
    let before = check::owners(&stage.databases).await.expect("the shards answer");
    let mut primary = stage.unguarded(shard, SERVICE).await;
    let guard: String = sqlx::query_scalar(GUARD).fetch_one(&mut primary).await.expect("there is a guard");

    sqlx::raw_sql(GUARD_OFF).execute(&mut primary).await.expect("it is the superuser's");
    let written = freeze(&stage, bucket, shard).await;
    sqlx::raw_sql(AssertSqlSafe(guard)).execute(&mut primary).await.expect("the guard is back");
    let found = new(&before, check::owners(&stage.databases).await.expect("the shards answer"));
    sqlx::query(STRAYS).bind(bucket.as_i16()).execute(&mut primary).await.expect("the strays go");
    let after = check::owners(&stage.databases).await.expect("the shards answer");

    assert!(written.accepted > 0);
    assert!(written.violations.iter().any(|told| told.contains(&format!("to bucket {bucket}"))), "{:?}", written.violations);
    assert!(found.iter().any(|told| told.contains(&format!("sharding.writes in bucket {bucket} lie"))), "{found:?}");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

#[tokio::test]
async fn a_row_on_two_shards_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let Published { id, bucket, shard, .. } = stage.published(&record);
    let before = check::owners(&stage.databases).await.expect("the shards answer");
    let mut owner = stage.unguarded(shard, "articles").await;
    let mut other = stage.unguarded(1 - shard, "articles").await;
    let row: Value = sqlx::query_scalar(ROW).bind(bucket.as_i16()).bind(id.as_i64()).fetch_one(&mut owner).await.expect("it is there");

    sqlx::query(COPY).bind(row).execute(&mut other).await.expect("it is copied");
    let found = new(&before, check::owners(&stage.databases).await.expect("the shards answer"));
    sqlx::query(REMOVE).bind(bucket.as_i16()).bind(id.as_i64()).execute(&mut other).await.expect("it is removed");
    let after = check::owners(&stage.databases).await.expect("the shards answer");

    assert!(found.iter().any(|told| told.contains(&format!("articles has rows of bucket {bucket} on"))), "{found:?}");
    assert!(found.iter().any(|told| told.contains(&format!("rows of articles in bucket {bucket} lie"))), "{found:?}");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_that_two_shards_claim_is_reported() {
    let stage = Stage::enter().await;
    let before = check::owners(&stage.databases).await.expect("the shards answer");
    let mut primary = stage.unguarded(1, SERVICE).await;

    let well = runner("", |stack, _| stack.claims_in_doubt()).await;
    let bucket: i16 = sqlx::query_scalar(CLAIM).fetch_one(&mut primary).await.expect("there is a bucket that it never had");
    let status = runner("", |stack, _| stack.claims_in_doubt()).await;
    let found = new(&before, check::owners(&stage.databases).await.expect("the shards answer"));
    sqlx::query("delete from sharding.buckets where bucket = $1").bind(bucket).execute(&mut primary).await.expect("the claim goes");
    let after = check::owners(&stage.databases).await.expect("the shards answer");

    assert!(found.contains(&format!("social: bucket {bucket} is claimed by s1, s2")), "{found:?}");
    assert_eq!(well, Vec::<String>::new());
    assert!(status.iter().any(|told| told.starts_with(&format!("social: bucket {bucket} is claimed by s1 (epoch "))), "{status:?}");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_move_left_behind_is_reported() {
    let stage = Stage::enter().await;
    let before = check::leftovers(&stage.databases).await.expect("the shards answer");
    let mut primary = stage.unguarded(0, SERVICE).await;

    sqlx::query("insert into sharding.markers values (7, gen_random_uuid())").execute(&mut primary).await.expect("it is marked");
    let found = new(&before, check::leftovers(&stage.databases).await.expect("the shards answer"));
    sqlx::query("delete from sharding.markers where bucket = 7").execute(&mut primary).await.expect("the marker goes");

    let after = check::leftovers(&stage.databases).await.expect("the shards answer");

    assert_eq!(found, ["social on s1: a marker of bucket 7 is left"]);
    assert_eq!(new(&before, after), Vec::<String>::new());
}

/// The number of a shard that does not own a bucket.
fn wrong_shard(stage: &Stage) -> impl Fn(Bucket) -> usize {
    let owners = stage.owners.clone();
    move |bucket| 1 - owners.number(SERVICE, bucket).expect("it has an owner")
}

/// A router that takes `shard` for the owner writes until the shard has answered it.
async fn freeze(stage: &Stage, bucket: Bucket, shard: usize) -> Written {
    let owners = stage.owners.clone().believing(SERVICE, bucket, shard);
    let frozen = Frozen::start(&stage.databases, &owners, &[(SERVICE, bucket)]).expect("it has an owner");
    eventually("ten answers", async || frozen.answers() >= 10).await;
    frozen.stop().await.expect("the shards answer")
}
