use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use redis::{
    Client, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, Script, ScriptInvocation, ServerErrorKind,
    aio::MultiplexedConnection,
};

use crate::{Listener, Settings, breaker::Breaker, link::Link};

/// One Redis server.
#[derive(Debug)]
pub struct Node {
    address: String,
    client: Client,
    timeout: Duration,
    breaker: Breaker,
    link: Link,
    tracking: OnceLock<Link>,
}

/// Redis did not give a usable answer in time.
#[derive(Debug, thiserror::Error)]
pub enum Down {
    #[error("redis is left alone for a moment after several failures")]
    Breaker,
    #[error("redis did not answer in time")]
    Late,
    #[error("redis failed")]
    Failed(#[from] RedisError),
}

impl Node {
    pub(crate) fn new(address: &str, settings: &Settings) -> anyhow::Result<Self> {
        let (host, port) = address.rsplit_once(':').ok_or_else(|| anyhow::anyhow!("{address:?} is no address: write host:port"))?;
        let port: u16 = port.parse().map_err(|_| anyhow::anyhow!("{address:?} has no valid port: write host:port"))?;
        // RESP3, since only that can tell of changes between answers.
        let mut redis = redis::RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if !settings.password.is_empty() {
            redis = redis.set_password(settings.password.clone());
        }
        let info = redis::ConnectionAddr::Tcp(host.to_owned(), port).into_connection_info()?.set_redis_settings(redis);
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        let client = Client::open(info)?;
        Ok(Self {
            address: address.to_owned(),
            link: Link::new(client.clone(), timeout),
            client,
            timeout,
            breaker: Breaker::default(),
            tracking: OnceLock::new(),
        })
    }

    pub(crate) fn listen(&self, listener: Arc<dyn Listener>) {
        self.tracking.get_or_init(|| Link::tracking(self.client.clone(), self.timeout, listener));
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Down> {
        self.guarded(&self.link, async |mut connection| pipeline.query_async(&mut connection).await).await
    }

    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Down> {
        self.guarded(&self.link, async |mut connection| script.invoke_async(&mut connection).await).await
    }

    /// The same; from now on the listener hears of each change to one of `keys`, once. Without a listener it is a plain script.
    pub async fn script_tracked<T: FromRedisValue>(&self, script: &Script, keys: &[&str], argument: &str) -> Result<T, Down> {
        let Some(link) = self.tracking.get() else {
            let mut invocation = script.prepare_invoke();
            for key in keys {
                invocation.key(key);
            }
            invocation.arg(argument);
            return self.script(&invocation).await;
        };
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLIENT").arg(&["CACHING", "YES"]).ignore();
        pipeline.cmd("EVALSHA").arg(script.get_hash()).arg(keys.len()).arg(keys).arg(argument);
        let run = async |mut connection: MultiplexedConnection| {
            let first: Result<(T,), RedisError> = pipeline.query_async(&mut connection).await;
            match first {
                Err(error) if error.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript) => {
                    script.load_async(&mut connection).await?;
                    pipeline.query_async(&mut connection).await
                }
                done => done,
            }
        };
        self.guarded(link, run).await.map(|(answer,)| answer)
    }

    async fn guarded<T, F>(&self, link: &Link, run: F) -> Result<T, Down>
    where
        F: AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    {
        if !self.breaker.allows(Instant::now()) {
            return Err(Down::Breaker);
        }
        let work = async { run(link.connection().await?).await };
        let result = match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => result.map_err(Down::from),
            Err(_) => Err(Down::Late),
        };
        if result.is_ok() {
            self.breaker.succeeded();
        } else {
            self.breaker.failed(Instant::now());
            link.drop_connection();
        }
        result
    }
}
