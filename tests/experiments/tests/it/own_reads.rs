use std::{collections::HashMap, time::Duration};

use magnitude_experiments::{
    check,
    load::{Article, Author, Client, Load, Outcome, Reply, Settings, version_in},
};
use magnitude_kit::eventually;
use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::json;

use crate::stage::{Published, Stage, entry};

/// The fields of an entry of the cache.
type Entry = HashMap<String, Vec<u8>>;

/// Later than everything that the load did.
const NOW: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_value_that_no_floor_refused_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let before = record.history.violations();
    let Published { id, mut article, author, .. } = stage.published(&record);
    let mut cache = stage.cache_of(id).await;
    // A read fills the cache with what is true now, unless the cache is slow.
    let (mut untouched, mut old) = (Vec::new(), Entry::new());
    eventually("the cache has a payload", async || {
        untouched.extend(read(&record.client, &author, &mut article).await);
        old = held(&mut cache, &entry(id)).await;
        old.contains_key("p")
    })
    .await;

    let gone_back = format!("version {} read", article.acknowledged().0);
    eventually("it is updated", async || update(&record.client, &author, &mut article).await.outcome == Outcome::Ok).await;
    // Until the event of the update is heard, it may void what is put back.
    eventually("what was put back is read, and reported", async || {
        put_back(&mut cache, &entry(id), &old).await;
        read(&record.client, &author, &mut article).await.is_some_and(|told| told.contains(&gone_back))
    })
    .await;
    stage.forget().await;
    let mended = read(&record.client, &author, &mut article).await;

    assert_eq!((before, untouched, mended), (Vec::new(), Vec::new(), None));
}

#[tokio::test]
async fn a_session_notices_that_its_reads_go_back() {
    let stage = Stage::enter().await;
    let settings = Settings { sessions: 2, per_shard: 1, pause: Duration::from_millis(5), ..Settings::new(2) };
    let load = Load::start(&stage.stack.url, stage.owners.clone(), &settings).await.expect("the sessions sign in");
    let (mut caches, mut first) = (stage.caches().await, HashMap::new());

    eventually("a session reads what was put back", async || {
        for cache in &mut caches {
            put_back_all(cache, &mut first).await;
        }
        !load.history().violations().is_empty()
    })
    .await;
    let record = load.stop().await.expect("no session panicked");
    stage.forget().await;

    let told = check::own_reads(&record);
    assert!(told.iter().any(|told| told.contains("read at") && told.contains("known since")), "{told:?}");
}

/// Puts what each article's entry held when it was first seen in the place of what it holds now.
async fn put_back_all(cache: &mut MultiplexedConnection, first: &mut HashMap<String, Entry>) {
    let keys: Vec<String> = redis::cmd("KEYS").arg("cache:articles:article:*").query_async(cache).await.expect("the cache answers");
    for key in keys {
        let now = held(cache, &key).await;
        match first.get(&key) {
            Some(old) if now.get("p") != old.get("p") => put_back(cache, &key, old).await,
            None if now.contains_key("p") => drop(first.insert(key, now)),
            _ => {}
        }
    }
}

async fn held(cache: &mut MultiplexedConnection, key: &str) -> Entry {
    redis::cmd("HGETALL").arg(key).query_async(cache).await.expect("the cache answers")
}

/// As a fill that no floor refused would.
async fn put_back(cache: &mut MultiplexedConnection, key: &str, old: &Entry) {
    let mut all = redis::pipe();
    all.atomic().del(key).ignore();
    all.hset_multiple(key, &old.iter().collect::<Vec<_>>()).ignore().expire(key, 60).ignore();
    all.exec_async(cache).await.expect("the cache answers");
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
