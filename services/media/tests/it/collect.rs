//! What nobody uses goes, and what somebody takes stays.

use magnitude_contract::media::Taken;
use magnitude_ids::Bucket;
use magnitude_jobs::{JobError, Walk};
use magnitude_kit::Connected;
use magnitude_media::{App, jobs::Collect, store};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, send},
    images::jpeg,
};

/// All uploads, then all contents: at night a bucket's contents may come before another's uploads, and then go a night later.
async fn collect(app: &App) -> Result<(), JobError> {
    for from in [Collect::default(), Collect::Objects(String::new())] {
        for bucket in Collect::filled(app, Bucket::new(0).unwrap(), Bucket::new(4_095).unwrap()).await.unwrap() {
            let mut place = Some(from.clone());
            while let Some(at) = place.filter(|at| std::mem::discriminant(at) == std::mem::discriminant(&from)) {
                place = at.page(app, bucket).await?;
            }
        }
    }
    Ok(())
}

/// Makes everything older, past the service.
async fn age(app: &TestApp, hours: i32) {
    for shard in 0..2 {
        for sql in [
            "update uploads set created_at = created_at - $1 * interval '1 hour' where sharding.guard(bucket)",
            "update objects set touched_at = touched_at - $1 * interval '1 hour' where sharding.guard(bucket)",
        ] {
            sqlx::query(sql).bind(hours).execute(&mut app.cluster.primary(shard).await).await.expect("the rows can be changed");
        }
    }
}

fn hashes(media: &Value) -> Vec<&str> {
    let variants = media["variants"].as_array().expect("a list").iter();
    variants.map(|variant| variant["url"].as_str().unwrap().trim_start_matches("/objects/")).collect()
}

async fn is_there(app: &TestApp, media: &Value) -> (bool, usize) {
    let row = send(app.get(media["url"].as_str().unwrap())).await.0 == StatusCode::OK;
    let mut contents = 0;
    for hash in hashes(media) {
        contents += usize::from(app.get(&format!("/objects/{hash}")).send().await.unwrap().status() == StatusCode::OK);
    }
    (row, contents)
}

#[tokio::test]
async fn an_upload_that_nobody_shows_goes_after_a_day_with_its_contents() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, media) = (app.state(shards), app.uploaded(&app.ann, jpeg(300, 200)).await);
    let broken = app.uploaded(&app.bob, "GIF89a").await;
    age(&app, 23).await;
    collect(&state).await.unwrap();
    assert_eq!(is_there(&app, &media).await, (true, 3), "it is not old enough");

    age(&app, 2).await;
    collect(&state).await.unwrap();

    assert_eq!(is_there(&app, &media).await, (false, 0));
    assert_eq!(is_there(&app, &broken).await, (false, 0));
    assert_eq!(app.files(), Vec::<String>::new());
    for sql in ["select count(*) from uploads", "select count(*) from variants", "select count(*) from objects"] {
        assert_eq!(app.rows(sql).await, 0, "{sql}");
    }
}

#[tokio::test]
async fn an_upload_stays_as_long_as_a_user_shows_one_of_its_variants() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, media) = (app.state(shards), app.uploaded(&app.ann, jpeg(300, 200)).await);
    app.shown.set(Some(&hashes(&media)[1..2]));
    age(&app, 100).await;

    collect(&state).await.unwrap();
    assert_eq!(is_there(&app, &media).await, (true, 3));

    app.shown.set(Some(&[]));
    collect(&state).await.unwrap();
    assert_eq!(is_there(&app, &media).await, (false, 0));
}

#[tokio::test]
async fn a_content_stays_while_another_upload_has_it() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, old) = (app.state(shards), app.uploaded(&app.ann, jpeg(300, 200)).await);
    age(&app, 100).await;
    let new = app.uploaded(&app.bob, jpeg(300, 200)).await;
    // The contents are as old as can be, though one of the uploads is new.
    for shard in 0..2 {
        let sql = "update objects set touched_at = touched_at - interval '100 hours' where sharding.guard(bucket)";
        sqlx::query(sql).execute(&mut app.cluster.primary(shard).await).await.unwrap();
    }

    collect(&state).await.unwrap();

    assert_eq!(is_there(&app, &old).await, (false, 3));
    assert_eq!(is_there(&app, &new).await, (true, 3));
}

#[tokio::test]
async fn nothing_goes_while_accounts_cannot_tell() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, media) = (app.state(shards), app.uploaded(&app.ann, jpeg(300, 200)).await);
    app.shown.set(None);
    age(&app, 100).await;

    assert!(matches!(collect(&state).await, Err(JobError::Wait(_))));

    assert_eq!(is_there(&app, &media).await, (true, 3));
}

#[tokio::test]
async fn what_a_user_takes_stays_though_nobody_shows_it_yet() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, media) = (app.state(shards), app.uploaded(&app.ann, jpeg(300, 200)).await);
    age(&app, 100).await;

    assert_eq!(app.media.take(hashes(&media)[0]).await.unwrap(), Taken::Taken);
    collect(&state).await.unwrap();

    assert_eq!(is_there(&app, &media).await, (false, 1), "the upload may go, what was taken may not");
}

#[tokio::test]
async fn what_is_doomed_cannot_be_taken_and_is_spared_if_it_is_shown() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let media = app.uploaded(&app.ann, jpeg(90, 60)).await;
    let hash = hashes(&media)[0].to_owned();
    let home = store::objects::home(&hash);
    assert_eq!(app.media.take(&"0".repeat(64)).await.unwrap(), Taken::Unknown);
    age(&app, 2).await;

    assert_eq!(store::collect::doom(shards, home, std::slice::from_ref(&hash)).await.unwrap(), std::slice::from_ref(&hash));
    assert_eq!(app.media.take(&hash).await.unwrap(), Taken::Doomed);
    assert!(!store::objects::touch(shards, &hash).await.unwrap(), "nor stored anew");

    store::collect::spare(shards, home, std::slice::from_ref(&hash)).await.unwrap();
    assert_eq!(app.media.take(&hash).await.unwrap(), Taken::Taken);
    assert_eq!(store::collect::doom(shards, home, &[hash]).await.unwrap(), Vec::<String>::new(), "it was taken a moment ago");
}

#[tokio::test]
async fn what_is_taken_into_use_while_it_is_being_doomed_is_spared() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, media) = (app.state(shards), app.uploaded(&app.ann, jpeg(90, 60)).await);
    let hash = hashes(&media)[0].to_owned();
    age(&app, 100).await;
    // Accounts tells of it only from the third question on: after the upload's, and after the one before the dooming.
    let (shown, wanted) = (app.shown.clone(), hash.clone());
    let watch = tokio::spawn(async move {
        while shown.asked.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        shown.set(Some(&[&wanted]));
    });

    collect(&state).await.unwrap();
    watch.await.unwrap();

    assert_eq!(app.shown.asked.lock().unwrap().len(), 3, "it was asked once more after it was doomed");
    assert_eq!(is_there(&app, &media).await, (false, 1));
    assert_eq!(app.media.take(&hash).await.unwrap(), Taken::Taken, "and it is doomed no longer");
}

#[tokio::test]
async fn an_upload_of_a_content_that_is_being_deleted_waits_and_stores_it_anew() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    let (state, first) = (app.state(shards), app.uploaded(&app.ann, jpeg(90, 60)).await);
    let hash = hashes(&first)[0].to_owned();
    age(&app, 100).await;
    store::collect::doom(shards, store::objects::home(&hash), &[hash]).await.unwrap();
    let (_, answer) = send(app.upload(&app.bob, jpeg(90, 60))).await;
    let waits = "select count(*) from jobs.jobs where kind = 'MakeVariants' and turn > 0";
    magnitude_kit::eventually("its job waits", async || app.rows(waits).await == 1).await;

    // What a collector does that takes up where another one died.
    collect(&state).await.unwrap();
    let second = app.settled(answer["media"]["id"].as_str().unwrap()).await;

    assert_eq!(second["status"], json!("ready"));
    assert_eq!(is_there(&app, &second).await, (true, 1));
}
