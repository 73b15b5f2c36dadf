use futures_util::future::join_all;
use magnitude_cache::Cache;
use magnitude_ids::Id;
use magnitude_jobs::enqueue;
use magnitude_kit::{Connected, eventually};
use magnitude_sharding::{Begun, Freshness, Shards, Stamp, WriteId};
use magnitude_social::{
    jobs::MirrorFollow,
    store::{follows, mirror},
};
use reqwest::{Method, StatusCode};

use crate::app::{TestApp, send, token};

#[tokio::test]
async fn racing_changes_end_with_the_mirror_as_the_truth() {
    let app = TestApp::new().await;
    let changes = (0..40).map(async |number| {
        let (status, body) = if number % 2 == 0 { app.follow(&app.ann, "bob").await } else { app.unfollow(&app.ann, "bob").await };
        assert!(status.is_success(), "{status} {body}");
    });

    join_all(changes).await;

    let [truth, mirror] = app.rows().await;
    assert!(truth.is_some());
    assert_eq!(mirror, truth);
}

#[tokio::test]
async fn a_crash_before_the_mirror_is_made_good() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (follower, followee) = (app.ann.id(), app.bob.id());

    let mut write = shards.write(follower.bucket()).await.unwrap();
    let version = follows::set(&mut write, follower, followee, true).await.unwrap().unwrap();
    let job = MirrorFollow { follower, followee, active: true, version };
    // Nobody runs it: as if the process had died here.
    drop(enqueue(&mut write, job).await.unwrap());
    write.commit().await.unwrap();

    eventually("the mirror shows it", async || app.rows().await == [Some((true, 1)), Some((true, 1))]).await;
}

/// Follows as the first request of a key did that died after its COMMIT; returns the stamp that shows it. No job stands behind
/// the mirror, so that only what comes again can write it.
async fn follow_and_die(app: &TestApp, shards: &Shards) -> Stamp {
    let (follower, followee) = (app.ann.id(), app.bob.id());
    let id = WriteId::from_key(&follower.to_string(), "POST /api/profiles/bob/follow", "1", b"");
    let Begun::New(mut write) = shards.begin(follower.bucket(), &id).await.unwrap() else { panic!("nobody used the key") };
    follows::set(&mut write, follower, followee, true).await.unwrap().unwrap();
    write.keep_answer(200, "{}").await.unwrap();
    write.commit().await.unwrap().stamp
}

#[tokio::test]
async fn a_follow_whose_key_comes_again_is_told_to_the_cache_and_mirrored() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let cache = Cache::new(&app.cluster.cache(), "social", shards.clone()).unwrap();
    let bucket = app.ann.id().bucket();
    // The first reader sets the stamp that was missing, so that replicas may answer.
    cache.freshness(bucket).await;
    assert!(matches!(cache.freshness(bucket).await, Freshness::AtLeast(_)));
    let needed = follow_and_die(&app, shards).await;

    let again = app.request(Method::POST, "bob").header("authorization", token(&app.ann)).header("idempotency-key", "1");
    let (status, _) = send(again).await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(app.rows().await[1], Some((true, 1)));
    let Freshness::AtLeast(stamp) = cache.freshness(bucket).await else { panic!("the stamp is there") };
    assert!(stamp.position >= needed.position);
}

#[tokio::test]
async fn a_follow_that_finds_nothing_to_do_is_mirrored_when_it_is_answered() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    follow_and_die(&app, shards).await;

    let (status, _) = app.follow(&app.ann, "bob").await;

    assert_eq!(status, StatusCode::OK);
    assert_eq!(app.rows().await, [Some((true, 1)); 2]);
}

#[tokio::test]
async fn a_late_or_doubled_change_never_wins() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let apply = |active, version| mirror::apply(shards, app.ann.id(), app.bob.id(), active, version);

    for (active, version) in [(true, 3), (true, 3), (true, 1), (false, 2)] {
        apply(active, version).await.unwrap();
    }

    assert_eq!(app.rows().await[1], Some((true, 3)));
}

#[test]
fn a_job_survives_its_row() {
    let id = |number| Id::from_i64(number).unwrap();
    let job = MirrorFollow { follower: id(1), followee: id(2), active: true, version: 3 };

    let row = serde_json::to_value(&job).unwrap();

    // Rows that an older release wrote are read by this one: the names must stay.
    assert_eq!(row, serde_json::json!({ "follower": "2", "followee": "3", "active": true, "version": 3 }));
    assert_eq!(serde_json::from_value::<MirrorFollow>(row).unwrap().version, 3);
}
