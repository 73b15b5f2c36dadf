use std::{collections::HashMap, time::Duration};

use magnitude_experiments::load::{Article, Author, Client, Outcome, Reply, version_in};
use reqwest::Method;
use serde_json::json;

use crate::stage::{Published, Stage, entry};

/// Later than everything that the load did.
const NOW: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_value_that_no_floor_refused_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let before = record.history.violations();
    let Published { id, mut article, author, .. } = stage.published(&record);
    let mut cache = stage.cache().await;
    // A read fills the cache with what is true now.
    let untouched = read(&record.client, &author, &mut article).await;
    let old: HashMap<String, Vec<u8>> = redis::cmd("HGETALL").arg(entry(id)).query_async(&mut cache).await.expect("the cache answers");

    let updated = update(&record.client, &author, &mut article).await;
    let mut put_back = redis::pipe();
    put_back.del(entry(id)).ignore();
    put_back.hset_multiple(entry(id), &old.iter().collect::<Vec<_>>()).ignore().expire(entry(id), 60).ignore();
    put_back.exec_async(&mut cache).await.expect("the cache answers");
    let old_again = read(&record.client, &author, &mut article).await;
    stage.forget(id).await;
    let mended = read(&record.client, &author, &mut article).await;

    assert_eq!((before, untouched), (Vec::new(), None));
    assert!(old.contains_key("p"), "the cache has no payload: {:?}", old.keys());
    assert_eq!(updated.outcome, Outcome::Ok, "{}", updated.why);
    assert!(old_again.as_ref().is_some_and(|told| told.contains(&format!("version {} read", article.sent - 1))), "{old_again:?}");
    assert_eq!(mended, None);
}

fn path(article: &Article) -> String {
    format!("/articles/{}", article.slug.as_deref().expect("it was acknowledged"))
}

/// As a session reads its own article.
async fn read(client: &Client, author: &Author, article: &mut Article) -> Option<String> {
    let reply = client.get(&path(article), Some(&author.token)).await;
    article.read_by_author(version_in(&reply.body), NOW)
}

async fn update(client: &Client, author: &Author, article: &mut Article) -> Reply {
    let version = article.sent + 1;
    let body = json!({"article": {"body": article.body(version)}});
    let reply = client.send(Method::PUT, &path(article), Some(&author.token), Some(&body)).await;
    article.told(version, reply.outcome, NOW);
    reply
}
