use futures_util::{future::join_all, join};
use magnitude_database::Role;
use magnitude_objects::{Key, Objects};
use magnitude_redis::Redis;
use magnitude_sharding::Shards;
use tokio::{net::TcpStream, time::timeout};

use super::{PATIENCE, Part};
use crate::{Settings, settings};

/// What this service is connected to, and the parts that the settings name.
pub struct Own {
    shards: Shards,
    objects: Objects,
    redis: [(&'static str, Redis); 2],
    brokers: Vec<String>,
    parts: Vec<settings::Part>,
}

impl Own {
    pub fn new(settings: &Settings, shards: Shards, objects: Objects) -> anyhow::Result<Self> {
        let redis = [("cache", Redis::new(&settings.cache)?), ("sessions", Redis::new(&settings.sessions)?)];
        Ok(Self { shards, objects, redis, brokers: settings.broker.nodes.clone(), parts: settings.status.parts.clone() })
    }

    pub async fn parts(&self) -> Vec<Part> {
        let redis = join_all(self.redis.iter().map(|(name, redis)| async move { Part::new(*name, &answer(redis).await) }));
        let named = join_all(self.parts.iter().map(|part| async { Part::new(&*part.name, &[connects(&part.address).await]) }));
        let (redis, brokers, store, named) = join!(redis, self.broker(), self.store(), named);
        let shards = self.shards.names();
        let shards = shards.iter().map(|shard| self.shard(shard));
        shards.chain(redis).chain(brokers).chain([store]).chain(named).collect()
    }

    /// From what the watch of the shards last heard. A node that leads or follows is well; nobody is where nobody leads.
    fn shard(&self, shard: &str) -> Part {
        let states: Vec<_> = self.shards.nodes(shard).into_iter().map(|(_, state)| state).collect();
        let led = states.iter().flatten().any(|state| state.role == Role::Primary && state.confirmed);
        let nodes: Vec<bool> = states.iter().map(|state| led && state.is_some()).collect();
        Part::new(format!("database {shard}"), &nodes)
    }

    async fn broker(&self) -> Option<Part> {
        let nodes = join_all(self.brokers.iter().map(|address| connects(address))).await;
        (!nodes.is_empty()).then(|| Part::new("message broker", &nodes))
    }

    async fn store(&self) -> Part {
        let key = Key::new("web/index.html").expect("it is a key");
        let answered = timeout(PATIENCE, self.objects.about(&key)).await;
        Part::new("object store", &[matches!(answered, Ok(Ok(_)))])
    }
}

async fn answer(redis: &Redis) -> Vec<bool> {
    let ping = redis::pipe().cmd("PING").ignore().clone();
    join_all(redis.nodes().iter().map(|node| async { node.run::<()>(&ping).await.is_ok() })).await
}

async fn connects(address: &str) -> bool {
    matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_)))
}
