use magnitude_cache::{Cache, Keyspace, Void};
use magnitude_contract::articles::{ArticlesClient, CopiedCall};
use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Freshness, ShardFreshness};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    App,
    keyspaces::{ARTICLES, COMMENTS, COUNTS, FAVORITED, HEADS, NEWEST},
    store,
};

/// How many of an author's newest are compared: as many as the feed keeps.
const NEWEST_KEPT: i64 = 100;

/// What each layer holds of a key: nothing where it would ask the next one.
struct Held {
    redis: Option<Value>,
    copy: Option<Value>,
}

/// Whether this kind of key can be compared. A generation is random.
pub fn is_known(void: &Void) -> bool {
    ["article", "head", "favorites", "favorited", "comments", "newest"].contains(&void.place().0)
}

/// A layer that holds something else than the primary.
#[derive(PartialEq)]
pub struct Differing {
    pub layer: &'static str,
    held: Value,
    truth: Value,
}

/// The layers that differ.
pub async fn differing(app: &App, articles: &ArticlesClient, void: &Void) -> anyhow::Result<Vec<Differing>> {
    let (keyspace, key) = void.place();
    let call = CopiedCall { bucket: void.bucket(), keyspace: keyspace.to_owned(), key: key.to_owned() };
    let copy = articles.copied(&call).await?.copy;
    let held = Held { redis: in_redis(&app.cache, keyspace, void.bucket(), key).await?, copy };
    if held.redis.is_none() && held.copy.is_none() {
        return Ok(Vec::new());
    }
    // Read last: what it has is newer than what the layers had, or as new.
    let truth = truth(app, keyspace, key).await?;
    let differing =
        |(layer, held): (_, Option<Value>)| held.filter(|held| *held != truth).map(|held| Differing { layer, held, truth: truth.clone() });
    Ok([("redis", held.redis), ("process", held.copy)].into_iter().filter_map(differing).collect())
}

async fn in_redis(cache: &Cache, keyspace: &str, bucket: Bucket, key: &str) -> anyhow::Result<Option<Value>> {
    match keyspace {
        "article" => look(cache, &ARTICLES, bucket, key).await,
        "head" => look(cache, &HEADS, bucket, key).await,
        "favorites" => look(cache, &COUNTS, bucket, key).await,
        "favorited" => look(cache, &FAVORITED, bucket, key).await,
        "comments" => look(cache, &COMMENTS, bucket, key).await,
        "newest" => look(cache, &NEWEST, bucket, key).await,
        _ => Ok(None),
    }
}

async fn look<T: Serialize + DeserializeOwned>(
    cache: &Cache,
    keyspace: &Keyspace<T>,
    bucket: Bucket,
    key: &str,
) -> anyhow::Result<Option<Value>> {
    let held = cache.look(keyspace, bucket, key).await?;
    Ok(held.map(serde_json::to_value).transpose()?)
}

/// What this process holds a copy of.
pub fn copied(cache: &Cache, keyspace: &str, bucket: Bucket, key: &str) -> Option<Value> {
    match keyspace {
        "article" => copy(cache, &ARTICLES, bucket, key),
        "head" => copy(cache, &HEADS, bucket, key),
        "favorites" => copy(cache, &COUNTS, bucket, key),
        "favorited" => copy(cache, &FAVORITED, bucket, key),
        "comments" => copy(cache, &COMMENTS, bucket, key),
        "newest" => copy(cache, &NEWEST, bucket, key),
        _ => None,
    }
}

fn copy<T: Serialize + Send + Sync + 'static>(cache: &Cache, keyspace: &Keyspace<T>, bucket: Bucket, key: &str) -> Option<Value> {
    serde_json::to_value(cache.copied(keyspace, bucket, key)?).ok()
}

/// What the primary says; null where there is no such thing.
async fn truth(app: &App, keyspace: &str, key: &str) -> anyhow::Result<Value> {
    let (first, second) = key.split_once(':').unwrap_or((key, ""));
    let id: Id = first.parse().map_err(|_| anyhow::anyhow!("{key:?} begins with no id"))?;
    // No stamp means the primary.
    let (shards, primary) = (&app.shards, ShardFreshness::new());
    Ok(match keyspace {
        "article" => serde_json::to_value(store::articles::find(shards, Freshness::Primary, id).await?)?,
        "head" => serde_json::to_value(store::articles::heads(shards, &primary, &[id]).await?.pop())?,
        "favorites" => serde_json::to_value(store::favorites::counts(shards, &primary, &[id]).await?.get(&id))?,
        "favorited" => {
            let user: Id = second.parse().map_err(|_| anyhow::anyhow!("{key:?} ends with no id"))?;
            serde_json::to_value(store::favorites::flags(shards, &primary, &[id], user).await?.get(&id).map(|(active, _)| active))?
        }
        "comments" => serde_json::to_value(store::comments::list(shards, Freshness::Primary, id).await?)?,
        _ => serde_json::to_value(store::lists::newest(shards, &primary, &[id], NEWEST_KEPT).await?.get(&id))?,
    })
}
