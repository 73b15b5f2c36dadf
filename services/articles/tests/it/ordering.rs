use std::time::{Duration, SystemTime};

use magnitude_articles::{article::Changes, store};
use magnitude_ids::Id;
use magnitude_sharding::Freshness;

use crate::{delete, publish, shards, two_users};

#[tokio::test]
async fn one_authors_articles_keep_their_order_when_a_clock_runs_ahead() {
    let shards = shards().await;
    let author = two_users()[0];
    let first = publish(&shards, author, "first", &[]).await;
    // The next instance's clock is behind by an hour: as if the last id had been made an hour ahead.
    let ahead = Id::new(author.bucket(), SystemTime::now() + Duration::from_hours(1));
    let mut write = shards.write(author.bucket()).await.unwrap();
    sqlx::query("update authors set last_article = $3 where bucket = $1 and author = $2")
        .bind(author.bucket().as_i16())
        .bind(author.as_i64())
        .bind(ahead.as_i64())
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();

    let second = publish(&shards, author, "second", &[]).await;
    let third = publish(&shards, author, "third", &[]).await;

    assert!(first.head.id < ahead && ahead < second.head.id && second.head.id < third.head.id);
    assert_eq!(third.head.id.bucket(), author.bucket());
}

#[tokio::test]
async fn updated_at_grows_however_fast_changes_follow() {
    let shards = shards().await;
    let author = two_users()[1];
    let mut last = publish(&shards, author, "title", &["a"]).await;
    for _ in 0..20 {
        let mut write = shards.write(author.bucket()).await.unwrap();
        let old = store::articles::lock(&mut write, last.head.id).await.unwrap().unwrap();
        let next = store::articles::update(&mut write, &old, Changes::default()).await.unwrap();
        write.commit().await.unwrap();
        assert!(next.head.updated_at > last.head.updated_at);
        assert_eq!(next.head.version, last.head.version + 1);
        assert_eq!(next.head.tags, ["a"]);
        last = next;
    }
}

#[tokio::test]
async fn a_deleted_article_is_gone_and_nothing_of_it_counts() {
    let shards = shards().await;
    let author = two_users()[0];
    let article = publish(&shards, author, "title", &["gone", "too"]).await;
    let mut write = shards.write(author.bucket()).await.unwrap();
    store::comments::insert(&mut write, article.head.id, author, "a comment").await.unwrap().unwrap();
    write.commit().await.unwrap();

    delete(&shards, &article).await;

    let freshness = Freshness::Primary;
    assert!(store::articles::find(&shards, freshness.clone(), article.head.id).await.unwrap().is_none());
    assert!(store::comments::list(&shards, freshness, article.head.id).await.unwrap().is_empty());
    assert!(store::tags::list(&shards, &magnitude_sharding::ShardFreshness::new()).await.unwrap().is_empty());
    let mut write = shards.write(author.bucket()).await.unwrap();
    assert!(store::comments::insert(&mut write, article.head.id, author, "late").await.unwrap().is_none());
}

#[tokio::test]
async fn comments_grow_in_number_and_fit_a_javascript_number() {
    let shards = shards().await;
    let author = two_users()[0];
    let article = publish(&shards, author, "title", &[]).await.head.id;
    let mut ids = Vec::new();
    for n in 0..5 {
        let mut write = shards.write(author.bucket()).await.unwrap();
        let comment = store::comments::insert(&mut write, article, author, &n.to_string()).await.unwrap().unwrap();
        write.commit().await.unwrap();
        ids.push(comment.id);
    }

    let listed: Vec<_> = store::comments::list(&shards, Freshness::Primary, article).await.unwrap().into_iter().map(|c| c.id).collect();

    assert!(ids.is_sorted() && ids.iter().all(|id| *id < 1 << 53));
    assert_eq!(listed, ids);
}
