//! Work that must follow a write, when nobody runs it inline, or twice.

use magnitude_articles::{
    article::Changes,
    jobs::{MirrorFavorite, RetractFavorites},
    keyspaces,
    store::{self, lists::Window},
};
use magnitude_contract::social::Notice;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{enqueue, record_voids};
use magnitude_kit::eventually;
use magnitude_sharding::Freshness;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{TestApp, id_of, send},
    favorites::mirror,
};

/// Favorites an article and commits its job, which nobody runs: as if the process had died here.
pub async fn favorite_and_crash(test: &TestApp, article: Id) -> MirrorFavorite {
    let user = test.bob.id();
    let mut write = test.shards().write(article.bucket()).await.unwrap();
    let version = store::favorites::set(&mut write, article, user, true).await.unwrap().unwrap().version;
    let job = || MirrorFavorite { user, article, active: true, version };
    drop(enqueue(&mut write, job()).await.unwrap());
    write.commit().await.unwrap();
    job()
}

#[tokio::test]
async fn social_is_told_once_of_what_others_do_and_authors_publish() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    for user in [&test.ann, &test.bob] {
        let comment = json!({ "comment": { "body": "well said" } });
        send(test.signed(Method::POST, &format!("/articles/{slug}/comments"), user).json(&comment)).await;
        send(test.favorite(user, &slug)).await;
    }
    send(test.signed(Method::DELETE, &format!("/articles/{slug}/favorite"), &test.bob)).await;
    send(test.favorite(&test.bob, &slug)).await;
    test.update(&test.ann, &slug, json!({ "title": "Another" })).await;

    eventually("all is told", async || test.others.told().len() == 3).await;

    let (mut told, id) = (test.others.told(), id_of(&slug));
    told.sort_by_key(|notice| format!("{notice:?}"));
    let [Notice::Commented { reader, actor, .. }, Notice::Favorited { article, .. }, Notice::Published { author, .. }] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((*reader, *actor, *author, article.id), (test.ann.id(), test.bob.id(), test.ann.id(), id));
    assert_eq!(article.slug, slug);
    eventually("no job is left", async || test.count("select count(*) from jobs.jobs").await == 0).await;
}

#[tokio::test]
async fn a_crash_before_the_favorite_is_mirrored_is_made_good() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;

    favorite_and_crash(&test, id_of(&slug)).await;

    eventually("the favorite is listed", async || test.list("favorited=bob").await == (vec![slug.clone()], 1)).await;
}

#[tokio::test]
async fn a_crash_before_favorites_are_retracted_is_made_good() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    assert_eq!(send(test.favorite(&test.bob, &slug)).await.0, StatusCode::OK);

    let mut write = test.shards().write(id_of(&slug).bucket()).await.unwrap();
    let old = store::articles::lock(&mut write, id_of(&slug)).await.unwrap().unwrap();
    let favorites = store::articles::delete(&mut write, &old.head).await.unwrap();
    let inline = RetractFavorites::enqueue_all(&mut write, old.head.id, &favorites).await.unwrap();
    write.commit().await.unwrap();

    assert_eq!(inline.len(), 1);
    drop(inline);
    eventually("the favorite is gone", async || test.list("favorited=bob").await.1 == 0).await;
}

#[tokio::test]
async fn a_crash_before_an_article_is_voided_is_made_good() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    assert_eq!(test.body(&slug).await, "first", "it is cached now");

    let mut write = test.shards().write(id_of(&slug).bucket()).await.unwrap();
    let old = store::articles::lock(&mut write, id_of(&slug)).await.unwrap().unwrap();
    let changes = Changes { body: Some("second".to_owned()), ..Changes::default() };
    let version = store::articles::update(&mut write, &old, changes).await.unwrap().head.version;
    record_voids(&mut write, &keyspaces::voids(old.head.id, version)).await.unwrap();
    write.commit().await.unwrap();

    eventually("the change shows", async || test.body(&slug).await == "second").await;
}

#[tokio::test]
async fn running_a_job_twice_is_safe() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let article = id_of(&slug);
    let mirrored = favorite_and_crash(&test, article).await;
    let retract = RetractFavorites { article, favorites: vec![(mirrored.user, mirrored.version)] };

    for _ in 0..2 {
        mirrored.apply(&test.app).await.unwrap();
        assert_eq!(test.list("favorited=bob").await, (vec![slug.clone()], 1));
    }
    for _ in 0..2 {
        retract.apply(&test.app).await.unwrap();
        assert_eq!(test.list("favorited=bob").await, (vec![], 0));
    }
    // Late: what it tells is older than what is known.
    mirrored.apply(&test.app).await.unwrap();
    assert_eq!(test.list("favorited=bob").await, (vec![], 0));
}

/// Gives an article so many favorites, each by somebody else, all mirrored; returns their number.
async fn favored_by(test: &TestApp, article: Id, many: u32) -> i64 {
    let mut users = Vec::new();
    for number in 0..many {
        let bucket = Bucket::new(u16::try_from(number % 16 * 250).unwrap()).unwrap();
        // Any number in the bucket is an id: what is above and below its bits is free.
        users.push(Id::from_i64((i64::from(number) + 1) << 22 | i64::from(bucket.as_i16()) << 10).unwrap());
    }
    let mut write = test.shards().write(article.bucket()).await.unwrap();
    let sql = "insert into favorites select $1, $2, u, true, 1 from unnest($3::bigint[]) u";
    let numbers: Vec<_> = users.iter().map(|user| user.as_i64()).collect();
    sqlx::query(sql).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(numbers).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    for some in users.chunks(8) {
        futures_util::future::join_all(some.iter().map(|user| mirror(test.shards(), *user, article, true, 1))).await;
    }
    i64::from(many)
}

const ACTIVE: &str = "select count(*) from favorites_by_user where active";

#[tokio::test]
async fn a_much_favorited_article_leaves_nothing_when_it_is_deleted() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let many = favored_by(&test, id_of(&slug), 1_600).await;
    assert_eq!(test.count(ACTIVE).await, many);

    let (status, _) = test.delete(&test.ann, &slug).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(test.count(ACTIVE).await <= many - 1_000, "the first thousand are retracted by the request");
    eventually("a worker retracts the rest", async || test.count(ACTIVE).await == 0).await;
    assert_eq!(test.count("select sum(articles)::bigint from favoriters").await, 0);
}

#[tokio::test]
async fn a_request_retracts_two_chunks_however_many_there_are() {
    let test = TestApp::new().await;
    let article = test.ann.id();
    let favorites: Vec<_> = (0..1_600).map(|number| (Id::from_i64(number).unwrap(), 1)).collect();
    let mut write = test.shards().write(article.bucket()).await.unwrap();

    let inline = RetractFavorites::enqueue_all(&mut write, article, &favorites).await.unwrap();

    let sql = "select jsonb_array_length(payload -> 'favorites') from jobs.jobs order by 1";
    let lengths: Vec<i32> = sqlx::query_scalar(sql).fetch_all(&mut *write).await.unwrap();
    assert_eq!((inline.len(), lengths), (2, vec![100, 500, 500, 500]));
}

#[tokio::test]
async fn an_ordinary_article_is_gone_from_the_lists_of_its_favoriters_at_once() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    assert_eq!(send(test.favorite(&test.bob, &slug)).await.0, StatusCode::OK);

    test.delete(&test.ann, &slug).await;

    assert_eq!(test.list("favorited=bob").await, (vec![], 0));
    let page = store::favorited::all(test.shards(), Freshness::Primary, test.bob.id(), Window { limit: 1, offset: 0 }).await.unwrap();
    assert_eq!((page.ids.len(), page.count), (0, 0));
}

#[test]
fn a_job_survives_its_row() {
    let id = |number| Id::from_i64(number).unwrap();
    let job = RetractFavorites { article: id(1), favorites: vec![(id(2), 3)] };

    let row = serde_json::to_value(&job).unwrap();

    // Rows that an older release wrote are read by this one: the names must stay.
    assert_eq!(row, serde_json::json!({ "article": "2", "favorites": [["3", 3]] }));
}
