use std::collections::BTreeSet;

use magnitude_experiments::{
    check,
    jobs::{
        audit::{self, Audit, Effects, Pair},
        feed::Feed,
    },
};
use magnitude_ids::Id;

use crate::stage::{Stage, runner};

/// As a second run of the job would: the row is there already, so it changes nothing that a client could see.
const AGAIN: &str = "
    insert into notification_actors (bucket, notification, actor)
    select a.bucket, a.notification, a.actor from notification_actors a
    join notifications n on n.bucket = a.bucket and n.id = a.notification
    where n.reader = $1 and a.actor = $2 and sharding.guard(a.bucket) on conflict do nothing";
const TAKE_AWAY: &str = "
    delete from notification_actors a using notifications n
    where n.bucket = a.bucket and n.id = a.notification and n.reader = $1 and a.actor = $2 returning a.bucket, a.notification";
const GIVE_BACK: &str = "insert into notification_actors (bucket, notification, actor) values ($1, $2, $3)";

struct Seen {
    acknowledged: Vec<Pair>,
    effects: Effects,
    told: BTreeSet<Pair>,
}

#[tokio::test]
async fn a_job_that_took_effect_twice_is_reported() {
    let (stage, audit, feed) = watched().await;
    let (reader, actor) = write(&feed).await;
    check::settled(&stage.databases).await.expect("the shards answer");

    for shard in 0..stage.databases.shards().len() {
        let mut service = stage.databases.primary(shard, "social").await.expect("the primary answers");
        sqlx::raw_sql("set session authorization social").execute(&mut service).await.expect("it is the superuser's");
        sqlx::query(AGAIN).bind(reader).bind(actor).execute(&mut service).await.expect("it changes nothing");
    }
    let seen = see(&audit, &feed).await;
    audit.end().await.expect("it goes");

    assert_eq!(audit::doubled(&seen.effects), [format!("{reader} was told of {actor} 2 times")]);
    assert_eq!(lost(&seen), Vec::<String>::new());
}

#[tokio::test]
async fn a_job_that_never_ran_is_reported() {
    let (stage, audit, feed) = watched().await;
    lane(&["pause", "default"]).await;
    let (reader, actor) = write(&feed).await;
    for shard in 0..stage.databases.shards().len() {
        let job = "delete from jobs.jobs where payload ->> 'follower' = $1";
        let mut primary = stage.unguarded(shard, "social").await;
        sqlx::query(job).bind(Id::from_i64(actor).map(|id| id.to_string())).execute(&mut primary).await.expect("it is deleted");
    }
    lane(&["resume", "default"]).await;
    check::settled(&stage.databases).await.expect("the shards answer");

    let seen = see(&audit, &feed).await;
    audit.end().await.expect("it goes");

    assert_eq!(lost(&seen), [format!("{reader} was not told of {actor}")]);
}

#[tokio::test]
async fn an_effect_that_is_gone_is_reported() {
    let (stage, audit, feed) = watched().await;
    let (reader, actor) = write(&feed).await;
    check::settled(&stage.databases).await.expect("the shards answer");

    let (mut primary, row) = take_away(&stage, (reader, actor)).await;
    let seen = see(&audit, &feed).await;
    sqlx::query(GIVE_BACK).bind(row.0).bind(row.1).bind(actor).execute(&mut primary).await.expect("it is back");
    let after = see(&audit, &feed).await;
    audit.end().await.expect("it goes");

    assert_eq!(lost(&seen), [format!("{reader} was told of {actor} and has no row of it")]);
    assert_eq!(lost(&after), Vec::<String>::new());
}

async fn watched() -> (Stage, Audit, Feed) {
    let stage = Stage::enter().await;
    let audit = Audit::begin(&stage.databases).await.expect("the shards answer");
    let feed = Feed::connect(&stage.databases).await.expect("the shards answer");
    (stage, audit, feed)
}

async fn write(feed: &Feed) -> Pair {
    let (pairs, _) = feed.write(1).await.expect("it is acknowledged");
    pairs[0]
}

async fn see(audit: &Audit, feed: &Feed) -> Seen {
    let effects = audit.effects().await.expect("the shards answer");
    Seen { acknowledged: feed.told().acknowledged, effects, told: audit.told().await.expect("the shards answer") }
}

fn lost(seen: &Seen) -> Vec<String> {
    audit::lost(&seen.acknowledged, &seen.effects, &seen.told)
}

async fn lane(order: &'static [&'static str]) {
    runner("social", move |stack, service| stack.jobs(service, &order.iter().map(ToString::to_string).collect::<Vec<_>>())).await;
}

/// Where the row was.
async fn take_away(stage: &Stage, (reader, actor): Pair) -> (sqlx::PgConnection, (i16, uuid::Uuid)) {
    for shard in 0..stage.databases.shards().len() {
        let mut primary = stage.unguarded(shard, "social").await;
        let row = sqlx::query_as(TAKE_AWAY).bind(reader).bind(actor).fetch_optional(&mut primary).await;
        if let Some(row) = row.expect("the shard answers") {
            return (primary, row);
        }
    }
    panic!("{reader} was not told of {actor}")
}
