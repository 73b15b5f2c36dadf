use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use futures_util::future::{BoxFuture, join_all};
use magnitude_cache::{Cache, Keyspace, StampSource, Versioned};
use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Position, ShardName, Stamp};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::run;

/// Far longer than all clients need to come.
const QUERY: Duration = Duration::from_millis(300);
const MINUTE: Duration = Duration::from_mins(1);
static KEYS: Keyspace<String> = Keyspace::new("stampede", "key", MINUTE, MINUTE, MINUTE);

/// One process of clients: for each line of its input, the number of a round, all of them read one key at once.
#[derive(Args)]
pub struct Clients {
    /// How many they are.
    #[arg(long = "clients")]
    many: usize,
    /// What keeps its keys apart from those of other runs.
    #[arg(long)]
    space: String,
    #[arg(long)]
    counter: String,
}

/// What the clients of one process met.
#[derive(Default, Serialize, Deserialize)]
pub struct Waited {
    pub waits: Vec<Duration>,
    pub queries: Vec<Duration>,
}

impl Waited {
    pub fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.queries.extend(other.queries);
    }
}

impl Clients {
    pub async fn run(self) -> anyhow::Result<()> {
        let stack = run::described()?;
        let settings = magnitude_redis::Settings {
            nodes: vec![stack.cache.clone()],
            password: stack.redis_password.clone(),
            timeout_ms: 1_000,
            prefix: format!("stampede:{}:", self.space),
        };
        let cache = Cache::with_stamps(&settings, "stampede", Arc::new(NoShards))?;
        let primary = crate::databases::Databases::of(&stack).primary(0, "postgres").await?;
        let primary = tokio::sync::Mutex::new(primary);
        // Connected before the first round.
        cache.get::<_, Error, _, _>(&KEYS, bucket(), "none", async |_| Ok(None)).await?;
        println!("ready");
        let next = || tokio::task::spawn_blocking(|| std::io::stdin().lines().next().transpose());
        while let Some(round) = next().await?? {
            println!("{}", serde_json::to_string(&self.round(&cache, &primary, &round).await?)?);
        }
        Ok(())
    }

    async fn round(&self, cache: &Cache, primary: &tokio::sync::Mutex<PgConnection>, key: &str) -> anyhow::Result<Waited> {
        let queries = Mutex::new(Vec::new());
        let load = async |_| {
            let begun = Instant::now();
            let found = self.query(&mut *primary.lock().await).await.map_err(Error::from)?;
            queries.lock().expect("no holder of this lock panics").push(begun.elapsed());
            Ok::<_, Error>(Some(Versioned::new(1, found)))
        };
        let client = async || {
            let begun = Instant::now();
            let value = cache.get(&KEYS, bucket(), key, load).await?;
            value.context("the key has no value")?;
            anyhow::Ok(begun.elapsed())
        };
        let waits = join_all((0..self.many).map(|_| client())).await.into_iter().collect::<anyhow::Result<_>>()?;
        Ok(Waited { waits, queries: queries.into_inner().expect("no holder of this lock panics") })
    }

    async fn query(&self, primary: &mut PgConnection) -> Result<String, sqlx::Error> {
        // The counter's name is the experiment's own.
        let sql = format!("select nextval('{}')::text, pg_sleep($1)", self.counter);
        let (found,): (String,) = sqlx::query_as(AssertSqlSafe(sql)).bind(QUERY.as_secs_f64()).fetch_one(primary).await?;
        Ok(found)
    }
}

fn bucket() -> Bucket {
    Bucket::all().next().expect("there are buckets")
}

/// Nothing here is read from a shard.
struct NoShards;

impl StampSource for NoShards {
    fn shards(&self) -> Vec<ShardName> {
        vec!["none".into()]
    }

    fn shard_of(&self, _: Bucket) -> Option<ShardName> {
        Some("none".into())
    }

    fn timeline(&self, _: &str) -> u32 {
        1
    }

    fn of_shard<'a>(&'a self, shard: &'a str) -> BoxFuture<'a, Result<Stamp, Error>> {
        Box::pin(async move { Ok(Stamp { shard: shard.into(), position: Position { timeline: 1, lsn: 1 } }) })
    }
}
