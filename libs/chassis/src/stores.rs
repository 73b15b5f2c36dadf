//! The databases and Redis of a service: connected, migrated, resharded and asked about their jobs in the same way in every one.

use anyhow::Context;
use magnitude_cache::{Cache, Void};
use magnitude_ids::Bucket;
use magnitude_jobs::{Event, VOID, follow, recorded_voids};
use magnitude_sharding::{
    Begun, Committed, ShardSettings, Shards, WriteId, check_schema,
    reshard::{self, Admin},
};
use tokio_util::sync::CancellationToken;

use crate::{Service, ServiceSettings, Tasks};

/// Where a service keeps what it owns, as its settings say.
#[derive(Clone, Copy)]
pub struct Stores<'a> {
    pub database: &'a magnitude_sharding::Settings,
    pub shards: &'a [ShardSettings],
    pub reshard: &'a Admin,
    pub cache: &'a magnitude_redis::Settings,
    pub sessions: &'a magnitude_redis::Settings,
    pub broker: &'a magnitude_jobs::Settings,
}

impl Stores<'_> {
    pub(crate) fn problems(&self) -> Vec<String> {
        let checks = [
            (self.shards.is_empty(), "shards: at least one is needed"),
            (self.cache.nodes.is_empty(), "cache.nodes: at least one is needed"),
            (self.sessions.nodes.is_empty(), "sessions.nodes: at least one is needed"),
            (self.database.connections == 0, "database.connections: must be more than 0"),
        ];
        let wrong = checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned());
        wrong.chain(self.broker.problems()).collect()
    }
}

/// Connects to a service's shards, which are watched until the process stops. Fails on a schema older than the binary's.
pub async fn connect<S: Service>(settings: &S::Settings, tasks: &Tasks) -> anyhow::Result<Shards> {
    let Stores { database, shards, .. } = of::<S>(settings)?;
    let (shards, watch) = Shards::connect(database, shards, tasks.stop())?;
    tasks.spawn("shards", watch);
    shards.ready().await?;
    // Once a process, and too large to be a part of every start's future.
    Box::pin(check_schema(&shards, &S::migrations())).await?;
    Ok(shards)
}

/// Voids what other processes wrote and did not come to tell the caches, until `stop`.
pub async fn hear_voids(cache: Cache, shards: Shards, stop: CancellationToken) {
    let void = async |events: Vec<Event>| {
        let voids = events.into_iter().filter(|event| event.kind == VOID);
        cache.revoid(voids.map(|event| (event.bucket, event.payload))).await
    };
    follow(shards, "cache", void, stop).await;
}

/// [`Shards::begin`] for the write of a request. One that was made when its request came before is told to the cache first, so that whoever
/// answers it has only to answer.
pub async fn begin(shards: &Shards, cache: &Cache, bucket: Bucket, id: &WriteId) -> Result<Begun, magnitude_sharding::Error> {
    let begun = shards.begin(bucket, id).await?;
    if matches!(begun, Begun::Repeated(_)) {
        tell_of(shards, cache, bucket, id).await?;
    }
    Ok(begun)
}

/// Tells the cache of a write that was made when its request came before: who had that may have died before it could, and then a replica that
/// lags would hide from the client what it is told.
pub async fn tell_of(shards: &Shards, cache: &Cache, bucket: Bucket, id: &WriteId) -> Result<(), magnitude_sharding::Error> {
    let voids: Vec<Void> = recorded_voids(shards, bucket, id.id()).await?;
    let stamp = shards.current_stamp(bucket).await?;
    cache.wrote(&Committed { bucket, stamp }, &voids).await;
    Ok(())
}

/// Brings the databases to the schema that the binary needs.
pub(crate) async fn migrate<S: Service>(settings: S::Settings) -> anyhow::Result<()> {
    let Stores { database, shards, .. } = of::<S>(&settings)?;
    magnitude_sharding::migrate(database, shards, S::migrations()).await
}

/// Carries out a command about the service's buckets.
pub(crate) async fn reshard<S: Service>(settings: S::Settings, order: reshard::Order) -> anyhow::Result<()> {
    let Stores { database, shards, reshard, .. } = of::<S>(&settings)?;
    reshard::run(database, reshard, shards, order, |username| S::home(&settings, username)).await
}

/// Carries out a command about the service's jobs.
pub(crate) async fn jobs<S: Service>(settings: S::Settings, order: magnitude_jobs::Order) -> anyhow::Result<()> {
    let Stores { database, shards, .. } = of::<S>(&settings)?;
    magnitude_jobs::command(database, shards, order).await
}

fn of<S: Service>(settings: &S::Settings) -> anyhow::Result<Stores<'_>> {
    settings.stores().with_context(|| format!("{} has no databases", S::NAME))
}
