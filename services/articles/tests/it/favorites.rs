use futures_util::future::join_all;
use magnitude_articles::store::{self, lists::Window};
use magnitude_ids::Id;
use magnitude_sharding::{Freshness, ShardFreshness, Shards};

use crate::{delete, publish, shards, two_users};

const PAGE: Window = Window { limit: 20, offset: 0 };

pub async fn mirror(shards: &Shards, user: Id, article: Id, active: bool, version: i64) {
    let mut write = shards.write(user.bucket()).await.unwrap();
    store::favorites::mirror(&mut write, user, article, active, version).await.unwrap();
    write.commit().await.unwrap();
}

async fn set(shards: &Shards, article: Id, user: Id, active: bool) -> Option<i64> {
    let mut write = shards.write(article.bucket()).await.unwrap();
    assert!(store::favorites::hold(&mut write, article).await.unwrap());
    let version = store::favorites::set(&mut write, article, user, active).await.unwrap().map(|changed| changed.version);
    write.commit().await.unwrap();
    version
}

/// The count of an article, and whether the reader favorited it.
async fn of(shards: &Shards, article: Id, reader: Id) -> (i64, bool) {
    let counts = store::favorites::counts(shards, &ShardFreshness::new(), &[article]).await.unwrap();
    let flags = store::favorites::flags(shards, &ShardFreshness::new(), &[article], reader).await.unwrap();
    (counts[&article], flags[&article].0)
}

#[tokio::test]
async fn a_favorite_counts_once_however_often_it_is_given() {
    let shards = shards().await;
    let [author, reader] = two_users();
    let article = publish(&shards, author, "title", &[]).await.head.id;

    let first = set(&shards, article, reader, true).await;
    assert_eq!(set(&shards, article, reader, true).await, None);
    let other = set(&shards, article, author, true).await;
    assert!(first.is_some() && other.is_some());

    assert_eq!(of(&shards, article, reader).await, (2, true));

    assert_eq!(set(&shards, article, reader, false).await, first.map(|version| version + 1));
    assert_eq!(set(&shards, article, reader, false).await, None);
    assert_eq!(of(&shards, article, reader).await, (1, false));
}

#[tokio::test]
async fn a_late_mirror_never_wins_and_the_count_is_exact_under_a_race() {
    let shards = shards().await;
    let [author, reader] = two_users();
    let article = publish(&shards, author, "title", &[]).await.head.id;

    join_all((1..=12).map(|version| mirror(&shards, reader, article, version % 2 == 1, version))).await;

    let listed = store::favorited::all(&shards, Freshness::Primary, reader, PAGE).await.unwrap();
    assert_eq!((listed.ids.len(), listed.count), (0, 0), "version 12 turned it off");
    mirror(&shards, reader, article, true, 13).await;
    mirror(&shards, reader, article, false, 12).await;
    let listed = store::favorited::all(&shards, Freshness::Primary, reader, PAGE).await.unwrap();
    assert_eq!((listed.ids, listed.count), (vec![article], 1));
}

#[tokio::test]
async fn a_deleted_article_says_who_had_favorited_it() {
    let shards = shards().await;
    let [author, reader] = two_users();
    let article = publish(&shards, author, "title", &[]).await;
    let version = set(&shards, article.head.id, reader, true).await.unwrap();
    set(&shards, article.head.id, author, true).await;
    set(&shards, article.head.id, author, false).await;

    assert_eq!(delete(&shards, &article).await, [(reader, version)]);

    let mut write = shards.write(author.bucket()).await.unwrap();
    assert!(!store::favorites::hold(&mut write, article.head.id).await.unwrap());
}
