//! What is kept twice, when one of the two is wrong.

use std::time::SystemTime;

use futures_util::join;
use magnitude_contract::social::{About, Notice};
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Walk, enqueue};
use magnitude_kit::{Connected, Counted, eventually};
use magnitude_sharding::Shards;
use magnitude_social::{
    App,
    jobs::{MirrorFollow, Recount},
    store::follows,
};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use crate::{accounts::User, app::TestApp, notifications::about};

/// All that is kept twice, as it shows.
const SHOWN: &str = "
    select 'follower ' || followee || ' ' || follower || ' ' || version from followers where active
    union all select 'unread ' || reader || ' ' || count from unread where count <> 0
    union all select 'others ' || id || ' ' || others from notifications";

/// As what it is found, and how it is planted in Bob's bucket.
const DRIFTS: [(&str, &str); 8] = [
    ("unread counts", "update unread set count = count + 5"),
    ("unread counts", "delete from unread"),
    ("actors of notifications", "update notifications set others = 9"),
    ("mirrors of follows", "delete from followers where follower = (select max(follower) from followers)"),
    ("mirrors of follows", "update followers set active = false where follower = (select max(follower) from followers)"),
    ("mirrors of follows", "update followers set version = 0 where follower = (select max(follower) from followers)"),
    ("mirrors without a follow", "update followers set active = false, version = 9 where follower = (select max(follower) from followers)"),
    ("mirrors without a follow", "insert into followers select bucket, followee, 12345, true, 3 from followers limit 1"),
];

async fn recount(app: &App, users: &[&User]) {
    for user in users {
        let mut place = Some(Recount::default());
        while let Some(at) = place {
            place = at.page(app, user.id().bucket()).await.expect("it can be recounted");
        }
    }
}

/// Changes rows of a user's bucket past the service.
async fn plant(shards: &Shards, user: &User, sql: &'static str) {
    let mut write = shards.write(user.id().bucket()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut *write).await.expect("the test's SQL is right");
    write.commit().await.unwrap();
}

async fn shown(app: &TestApp) -> Vec<String> {
    let mut shown = Vec::new();
    for shard in 0..2 {
        shown.extend(sqlx::query_scalar::<_, String>(SHOWN).fetch_all(&mut app.cluster.primary(shard).await).await.unwrap());
    }
    shown.sort();
    shown
}

/// Ann and Carol follow Bob, who was told of it in one entry.
async fn some_follows(app: &TestApp) {
    app.follow(&app.ann, "bob").await;
    app.follow(&app.carol, "bob").await;
    let told = async || shown(app).await.iter().any(|line| line.starts_with("others") && line.ends_with(" 1"));
    eventually("bob is told of both", told).await;
}

#[tokio::test]
async fn what_is_right_is_left_alone() {
    let (counted, app) = (Counted::here(), TestApp::new().await);
    let Connected { shards, .. } = &app.cluster.connect().await;
    some_follows(&app).await;
    app.unfollow(&app.carol, "bob").await;
    app.mark(&app.bob, &json!({ "all": true })).await;
    app.notify(Uuid::new_v4(), Notice::Favorited { reader: app.ann.id(), actor: app.bob.id(), article: about(&app.ann) }).await;
    let before = shown(&app).await;

    recount(&app.state(shards), &[&app.ann, &app.bob, &app.carol]).await;

    assert_eq!(counted.drift(""), (0, 0));
    assert_eq!(shown(&app).await, before);
}

#[tokio::test]
async fn whatever_is_wrong_is_found_once_and_put_right() {
    let (counted, app) = (Counted::here(), TestApp::new().await);
    let Connected { shards, .. } = &app.cluster.connect().await;
    some_follows(&app).await;
    let right = shown(&app).await;

    for (what, sql) in DRIFTS {
        let before = counted.drift(what);
        plant(shards, &app.bob, sql).await;
        assert_ne!(shown(&app).await, right, "{sql}");

        recount(&app.state(shards), &[&app.ann, &app.bob, &app.carol]).await;

        assert_eq!(shown(&app).await, right, "{sql}");
        assert_eq!(counted.drift(what), (before.0 + 1, before.1 + 1), "{sql}");
    }
    assert_eq!(counted.drift(""), (DRIFTS.len() as u64, DRIFTS.len() as u64), "nothing was found that was not planted");
}

#[tokio::test]
async fn a_follow_that_is_on_its_way_to_its_mirror_is_no_drift() {
    let (counted, app) = (Counted::here(), TestApp::new().await);
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (follower, followee) = (app.ann.id(), app.bob.id());
    let mut write = shards.write(follower.bucket()).await.unwrap();
    let version = follows::set(&mut write, follower, followee, true).await.unwrap().unwrap();
    drop(enqueue(&mut write, MirrorFollow { follower, followee, active: true, version }).await.unwrap());
    write.commit().await.unwrap();

    recount(&app.state(shards), &[&app.ann]).await;

    assert_eq!(counted.drift(""), (0, 0));
}

#[tokio::test]
async fn who_follows_anew_is_mirrored_though_a_mirror_without_a_follow_was_there() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let sql = "insert into followers (bucket, followee, follower, active, version) values ($1, $2, $3, true, 7)";
    let mut write = shards.write(app.bob.id().bucket()).await.unwrap();
    let (bucket, followee, follower) = (write.bucket().as_i16(), app.bob.id().as_i64(), app.ann.id().as_i64());
    sqlx::query(sql).bind(bucket).bind(followee).bind(follower).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    recount(&app.state(shards), &[&app.bob]).await;

    app.follow(&app.ann, "bob").await;

    assert_eq!(app.rows().await, [Some((true, 1)); 2]);
}

/// Comments of strangers on one article of Bob's, and favorites of others.
async fn tell(app: &TestApp, reader: &User, commented: &About) {
    for _ in 0..25 {
        let actor = Id::new(Bucket::random(), SystemTime::now());
        app.notify(Uuid::new_v4(), Notice::Commented { reader: reader.id(), actor, article: commented.clone() }).await;
        app.notify(Uuid::new_v4(), Notice::Favorited { reader: reader.id(), actor, article: about(reader) }).await;
    }
}

async fn read_and_follow(app: &TestApp) {
    for _ in 0..25 {
        assert_eq!(app.mark(&app.carol, &json!({ "all": true })).await, StatusCode::NO_CONTENT);
        app.follow(&app.ann, "carol").await;
        app.unfollow(&app.ann, "carol").await;
    }
}

#[tokio::test]
async fn no_write_is_lost_to_a_recount() {
    const ROUNDS: u64 = 15;
    let (counted, app) = (Counted::here(), TestApp::new().await);
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, users) = (app.state(shards), [&app.ann, &app.bob, &app.carol]);
    let (of_bob, of_carol) = (about(&app.bob), about(&app.carol));
    for (reader, article) in [(&app.bob, &of_bob), (&app.carol, &of_carol)] {
        let notice = Notice::Commented { reader: reader.id(), actor: app.ann.id(), article: article.clone() };
        app.notify(Uuid::new_v4(), notice).await;
    }
    let recounts = async {
        for _ in 0..ROUNDS {
            plant(
                shards,
                &app.bob,
                "update unread set count = count + 1; update notifications set others = others + 1 where kind = 'commented'",
            )
            .await;
            plant(shards, &app.carol, "update unread set count = count - 1").await;
            // Two at once: what one adds the other must not.
            join!(recount(&state, &users), recount(&state, &users));
        }
    };

    join!(recounts, tell(&app, &app.bob, &of_bob), tell(&app, &app.carol, &of_carol), read_and_follow(&app));
    recount(&state, &users).await;

    // A write that was lost would have been found as one more.
    assert_eq!(["unread counts", "mirrors"].map(|what| counted.drift(what).0), [2 * ROUNDS, 0]);
    // What a write holds just then is left for the next recount, which finds two plants as one.
    let (found, mended) = counted.drift("actors of notifications");
    assert!((1..=ROUNDS).contains(&found) && mended == found, "{found} found, {mended} mended");
    recount(&state, &users).await;
    assert_eq!(counted.drift("").0, 2 * ROUNDS + found, "all was put right");
}
