//! Requests that find their work done by one that died before it could answer.

use magnitude_articles::{jobs::RetractFavorites, keyspaces, store};
use magnitude_ids::{Bucket, Id};
use magnitude_kit::eventually;
use magnitude_sharding::{Begun, Committed, Freshness, Write, WriteId};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    app::{TestApp, id_of, send},
    new_article,
    others::User,
};

const KEY: &str = "1";

/// The write of a keyed request; nothing but the transaction of it happens.
async fn begin(test: &TestApp, bucket: Bucket, user: &User, path: &str, body: &str) -> Write {
    let id = WriteId::from_key(&user.id().to_string(), &format!("POST /api{path}"), KEY, body.as_bytes());
    match test.shards().begin(bucket, &id).await.unwrap() {
        Begun::New(write) => write,
        Begun::Repeated(_) => panic!("nobody used the key"),
    }
}

/// Gives a bucket a stamp, so that replicas may answer for it from there on.
async fn stamp(test: &TestApp, bucket: Bucket) {
    test.app.cache.freshness(bucket).await;
    assert!(matches!(test.app.cache.freshness(bucket).await, Freshness::AtLeast(_)));
}

/// Whether readers need a replica that shows the write.
async fn is_told(test: &TestApp, committed: &Committed) -> bool {
    match test.app.cache.freshness(committed.bucket).await {
        Freshness::Primary => true,
        Freshness::AtLeast(stamp) => stamp.position >= committed.stamp.position,
    }
}

async fn favorite(write: &mut Write, article: Id, user: Id) {
    assert!(store::favorites::hold(write, article).await.unwrap());
    store::favorites::set(write, article, user, true).await.unwrap().expect("it was off");
}

#[tokio::test]
async fn a_repeated_article_is_told_to_the_cache() {
    let test = TestApp::new().await;
    let (bucket, body) = (test.ann.id().bucket(), json!({ "article": { "title": "t", "description": "d", "body": "b" } }).to_string());
    let mut write = begin(&test, bucket, &test.ann, "/articles", &body).await;
    let article = store::articles::insert(&mut write, test.ann.id(), new_article("t", &[])).await.unwrap();
    let slug = article.head.id.to_string();
    write.keep_answer(201, "{}").await.unwrap();
    magnitude_jobs::record_voids(&mut write, &keyspaces::listing_voids(&article.head, 1)).await.unwrap();
    // A reader asked a replica that did not know it yet: "there is no such article" is cached.
    assert!(test.body(&slug).await.is_null());
    stamp(&test, bucket).await;
    let committed = write.commit().await.unwrap();

    let keyed = test.signed(Method::POST, "/articles", &test.ann).header("idempotency-key", KEY);
    let (status, _) = send(keyed.header("content-type", "application/json").body(body)).await;

    assert_eq!(status, StatusCode::CREATED);
    assert!(is_told(&test, &committed).await);
    assert_eq!(test.body(&slug).await, "text");
}

#[tokio::test]
async fn a_repeated_comment_is_told_to_the_cache() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let (id, path, body) = (id_of(&slug), format!("/articles/{slug}/comments"), json!({ "comment": { "body": "b" } }).to_string());
    // Who hears it raises the stamp.
    eventually("the publication is heard", async || test.count("select count(*) from jobs.events").await == 0).await;
    stamp(&test, id.bucket()).await;
    let mut write = begin(&test, id.bucket(), &test.bob, &path, &body).await;
    store::comments::insert(&mut write, id, test.bob.id(), "b").await.unwrap();
    write.keep_answer(201, "{}").await.unwrap();
    let committed = write.commit().await.unwrap();
    assert!(!is_told(&test, &committed).await);

    let keyed = test.signed(Method::POST, &path, &test.bob).header("idempotency-key", KEY);
    let (status, _) = send(keyed.header("content-type", "application/json").body(body)).await;

    assert_eq!(status, StatusCode::CREATED);
    assert!(is_told(&test, &committed).await);
}

#[tokio::test]
async fn a_repeated_favorite_is_told_to_the_cache_and_mirrored() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let id = id_of(&slug);
    stamp(&test, id.bucket()).await;
    let mut write = begin(&test, id.bucket(), &test.bob, &format!("/articles/{slug}/favorite"), "").await;
    favorite(&mut write, id, test.bob.id()).await;
    write.keep_answer(200, "{}").await.unwrap();
    let committed = write.commit().await.unwrap();

    let (status, _) = send(test.favorite(&test.bob, &slug).header("idempotency-key", KEY)).await;

    assert_eq!(status, StatusCode::OK);
    assert!(is_told(&test, &committed).await);
    assert_eq!(test.list("favorited=bob").await, (vec![slug], 1));
}

#[tokio::test]
async fn a_favorite_that_was_given_already_is_mirrored_when_it_is_answered() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let mut write = test.shards().write(id_of(&slug).bucket()).await.unwrap();
    favorite(&mut write, id_of(&slug), test.bob.id()).await;
    write.commit().await.unwrap();

    let (status, body) = send(test.favorite(&test.bob, &slug)).await;

    assert_eq!((status, &body["article"]["favoritesCount"]), (StatusCode::OK, &json!(1)));
    assert_eq!(test.list("favorited=bob").await, (vec![slug.clone()], 1));
    // Taken back twice: the second finds nothing to do either.
    for _ in 0..2 {
        let (status, body) = test.delete(&test.bob, &format!("{slug}/favorite")).await;

        assert_eq!((status, &body["article"]["favoritesCount"]), (StatusCode::OK, &json!(0)));
        assert_eq!(test.list("favorited=bob").await, (vec![], 0));
    }
}

/// A request as it came to an instance that died after its commit, before it told anybody. What is recorded from the beginning on is heard by
/// nobody, since an older transaction is open meanwhile: what was heard late would void the list once more.
#[tokio::test]
async fn a_deletion_that_comes_again_is_told_to_the_cache() {
    let test = TestApp::new().await;
    let older = test.shards().write(test.ann.id().bucket()).await.unwrap();
    let (slug, other) = (test.publish(&test.ann, &["a"]).await, test.publish(&test.ann, &[]).await);
    let (id, path, list) = (id_of(&slug), format!("/articles/{slug}"), "author=ann");
    assert_eq!(test.list(list).await.1, 2);
    assert_eq!(test.body(&slug).await, "first");
    assert_eq!(send(test.favorite(&test.bob, &slug)).await.0, StatusCode::OK);
    assert_eq!(test.list("favorited=bob").await.1, 1);
    assert_eq!(test.shards().shard_of(id.bucket()).unwrap(), test.shards().shard_of(test.ann.id().bucket()).unwrap());
    let number = WriteId::of_request(&test.ann.id().to_string(), &format!("DELETE /api{path}"), "r");
    let Ok(Begun::New(mut write)) = test.shards().begin(id.bucket(), &number).await else { panic!("nobody had it before") };
    let article = store::articles::lock(&mut write, id).await.unwrap().expect("it is there");
    let favorites = store::articles::delete(&mut write, &article.head).await.unwrap();
    drop(RetractFavorites::enqueue_all(&mut write, id, &favorites).await.unwrap());
    magnitude_jobs::record_voids(&mut write, &keyspaces::listing_voids(&article.head, article.head.version + 1)).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(test.list(list).await.1, 2, "somebody was told");

    let again = test.signed(Method::DELETE, &path, &test.ann).header("x-request-id", "r").header("x-sent-before", "317");
    let (status, _) = send(again).await;

    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(test.body(&slug).await.is_null());
    assert_eq!(test.list(list).await, (vec![other], 1));
    assert_eq!(test.list("favorited=bob").await, (vec![], 0));
    older.rollback().await;
}
