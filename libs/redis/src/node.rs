use std::time::{Duration, Instant};

use redis::{AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError, ScriptInvocation, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::{Settings, breaker::Breaker};

/// One Redis server.
#[derive(Debug)]
pub struct Node {
    address: String,
    client: Client,
    timeout: Duration,
    breaker: Breaker,
    // A tokio lock: the one that finds no connection makes it while the others wait, within the timeout of each.
    connection: Mutex<Option<MultiplexedConnection>>,
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
        let info = redis::ConnectionAddr::Tcp(host.to_owned(), port);
        let mut redis = redis::RedisConnectionInfo::default();
        if !settings.password.is_empty() {
            redis = redis.set_password(settings.password.clone());
        }
        let info = redis::IntoConnectionInfo::into_connection_info(info)?.set_redis_settings(redis);
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        Ok(Self {
            address: address.to_owned(),
            client: Client::open(info)?,
            timeout,
            breaker: Breaker::default(),
            connection: Mutex::new(None),
        })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub async fn run<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Down> {
        self.guarded(async |mut connection| pipeline.query_async(&mut connection).await).await
    }

    pub async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Down> {
        self.guarded(async |mut connection| script.invoke_async(&mut connection).await).await
    }

    async fn guarded<T, F>(&self, run: F) -> Result<T, Down>
    where
        F: AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    {
        if !self.breaker.allows(Instant::now()) {
            return Err(Down::Breaker);
        }
        let work = async {
            let connection = self.connection().await?;
            run(connection).await
        };
        let result = match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => result.map_err(Down::from),
            Err(_) => Err(Down::Late),
        };
        if result.is_ok() {
            self.breaker.succeeded();
        } else {
            self.failed();
        }
        result
    }

    fn failed(&self) {
        self.breaker.failed(Instant::now());
        // It may be half dead; the next command makes a new one.
        if let Ok(mut connection) = self.connection.try_lock() {
            *connection = None;
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(self.timeout)).set_response_timeout(Some(self.timeout));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(kept.insert(connection).clone())
    }
}
