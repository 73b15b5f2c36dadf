//! The articles service on two real shards, with stand-ins for accounts and social, and the statements of its `store`.

mod answers;
mod app;
mod changes;
mod check;
mod favorites;
mod jobs;
mod lists;
mod ordering;
mod others;
mod recount;
mod repeats;
mod statements;
mod tags;

use std::time::SystemTime;

use magnitude_articles::{
    Articles,
    article::{Article, NewArticle},
    store,
};
use magnitude_chassis::Service;
use magnitude_ids::{Bucket, Id};
use magnitude_kit::{Connected, TestCluster};

struct Shards {
    connected: Connected,
    // Dropped last: its databases go with it.
    _cluster: TestCluster,
}

impl std::ops::Deref for Shards {
    type Target = magnitude_sharding::Shards;

    fn deref(&self) -> &Self::Target {
        &self.connected.shards
    }
}

async fn shards() -> Shards {
    let cluster = TestCluster::shards(2, "articles", Articles::migrations).await;
    Shards { connected: cluster.connect().await, _cluster: cluster }
}

/// A user in a bucket of the first shard, and one of the second.
fn two_users() -> [Id; 2] {
    [100, 4000].map(|bucket| Id::new(Bucket::new(bucket).unwrap(), SystemTime::now()))
}

fn new_article(title: &str, tags: &[&str]) -> NewArticle {
    NewArticle {
        title: title.to_owned(),
        description: "about".to_owned(),
        body: "text".to_owned(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

async fn publish(shards: &magnitude_sharding::Shards, author: Id, title: &str, tags: &[&str]) -> Article {
    let mut write = shards.write(author.bucket()).await.unwrap();
    let article = store::articles::insert(&mut write, author, new_article(title, tags)).await.unwrap();
    write.commit().await.unwrap();
    article
}

async fn delete(shards: &magnitude_sharding::Shards, article: &Article) -> Vec<(Id, i64)> {
    let mut write = shards.write(article.head.id.bucket()).await.unwrap();
    store::favorites::close(&mut write, article.head.id).await.unwrap();
    let old = store::articles::lock(&mut write, article.head.id).await.unwrap().unwrap();
    let favorites = store::articles::delete(&mut write, &old.head).await.unwrap();
    write.commit().await.unwrap();
    favorites
}
