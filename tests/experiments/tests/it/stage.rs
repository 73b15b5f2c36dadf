//! The running stack, one test at a time, and what a short load left on it.

use std::{path::PathBuf, time::Duration};

use futures_util::future::join_all;
use magnitude_experiments::{
    databases::Databases,
    load::{Article, Author, Load, Outcome, Record, Settings, bucket_of},
    owners::Owners,
};
use magnitude_ids::{Bucket, Id};
use magnitude_kit::eventually_within;
use magnitude_load::stack::Stack;
use redis::aio::MultiplexedConnection;
use sqlx::PgConnection;
use tokio::sync::{Mutex, MutexGuard};

/// A planted fault would be found by the checker of another test.
static TURN: Mutex<()> = Mutex::const_new(());

pub struct Stage {
    pub stack: Stack,
    pub databases: Databases,
    pub owners: Owners,
    _turn: MutexGuard<'static, ()>,
}

/// An acknowledged article and where it lives.
pub struct Published {
    pub id: Id,
    pub bucket: Bucket,
    pub shard: usize,
    pub article: Article,
    pub author: Author,
}

impl Stage {
    pub async fn enter() -> Self {
        let turn = TURN.lock().await;
        let stack = Stack::load().expect("a stack runs");
        let databases = Databases::of(&stack);
        let owners = Owners::read(&databases).await.expect("the shards answer");
        Self { stack, databases, owners, _turn: turn }
    }

    /// Lets a few sessions work until they have written something of everything.
    pub async fn load(&self) -> Record {
        let settings = Settings { sessions: 2, per_shard: 1, pause: Duration::from_millis(5), ..Settings::new(1) };
        let load = Load::start(&self.stack.url, self.owners.clone(), &settings).await.expect("the sessions sign in");
        let written = async || load.history().writes(load.history().whole(), |_| true).count() >= 40;
        eventually_within(Duration::from_mins(2), "forty acknowledged writes", written).await;
        load.stop().await.expect("no session panicked")
    }

    /// A connection that passes every guard.
    pub async fn unguarded(&self, shard: usize, service: &str) -> PgConnection {
        let mut primary = self.databases.primary(shard, service).await.expect("the primary answers");
        sqlx::query("set session_replication_role = replica").execute(&mut primary).await.expect("it is the superuser's");
        primary
    }

    /// Drops what the cache has, lists and tombstones included.
    pub async fn forget(&self) {
        for mut cache in self.caches().await {
            redis::cmd("FLUSHALL").exec_async(&mut cache).await.expect("the cache answers");
        }
    }

    /// The node that holds what is cached of an article.
    pub async fn cache_of(&self, article: Id) -> MultiplexedConnection {
        let nodes = self.stack.caches.clone();
        let settings = magnitude_redis::Settings { nodes, password: String::new(), timeout_ms: 1_000, prefix: String::new() };
        let node = magnitude_redis::Redis::new(&settings).expect("they are addresses").node(&article.bucket().to_string());
        self.connect(&self.stack.caches[node]).await
    }

    pub async fn caches(&self) -> Vec<MultiplexedConnection> {
        join_all(self.stack.caches.iter().map(|node| self.connect(node))).await
    }

    async fn connect(&self, node: &str) -> MultiplexedConnection {
        let client = redis::Client::open(format!("redis://:{}@{node}/", self.stack.redis_password)).expect("it is an address");
        client.get_multiplexed_async_connection().await.expect("the cache answers")
    }

    pub fn published(&self, record: &Record) -> Published {
        let author = &record.authors[0];
        let of = |article: &Article| Some((article.slug.clone()?, article.clone()));
        let mut acknowledged = author.articles.iter().filter(|article| article.published == Outcome::Ok && !article.doubtful);
        let (slug, article) = acknowledged.find_map(of).expect("every session begins with an article");
        let bucket = bucket_of(&slug).expect("a slug ends with an id");
        let id = slug.rsplit('-').next().and_then(|id| id.parse().ok()).expect("a slug ends with an id");
        let shard = self.owners.number("articles", bucket).expect("it has an owner");
        Published { id, bucket, shard, article, author: author.clone() }
    }
}

/// The cache's entry of an article.
pub fn entry(article: Id) -> String {
    format!("cache:articles:article:{article}")
}

/// What is in the second list only.
pub fn new(before: &[String], after: Vec<String>) -> Vec<String> {
    after.into_iter().filter(|sentence| !before.contains(sentence)).collect()
}

/// The runner blocks: it works on another thread.
pub async fn runner<T: Send + 'static>(
    shard: &str,
    work: impl FnOnce(&magnitude_stack::Stack, &str) -> anyhow::Result<T> + Send + 'static,
) -> T {
    let shard = shard.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&magnitude_stack::Stack::open(&folder())?, &shard));
    done.await.expect("it does not panic").expect("the runner obeys")
}

/// The folder of the stack's state.
pub fn folder() -> PathBuf {
    let described = std::env::var_os("MAGNITUDE_TEST_STACK").expect("a stack is described");
    PathBuf::from(described).parent().expect("it lies in the stack's folder").to_path_buf()
}
