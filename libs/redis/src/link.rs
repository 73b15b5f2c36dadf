use std::{sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::Listener;

/// One kept connection to a node, made anew after a failure.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    timeout: Duration,
    listener: Option<Arc<dyn Listener>>,
    // A tokio lock: the one that finds no connection makes it while the others wait, within the timeout of each.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    pub fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, listener: None, connection: Mutex::new(None) }
    }

    /// One on which the server tells `listener` of changes to the keys that are read after `CLIENT CACHING YES`.
    pub fn tracking(client: Client, timeout: Duration, listener: Arc<dyn Listener>) -> Self {
        Self { client, timeout, listener: Some(listener), connection: Mutex::new(None) }
    }

    pub async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let mut config = AsyncConnectionConfig::new().set_connection_timeout(Some(self.timeout)).set_response_timeout(Some(self.timeout));
        if let Some(listener) = self.listener.clone() {
            // Called as each message is read, before any later answer is handed out.
            config = config.set_push_sender(move |push: PushInfo| {
                hear(&*listener, &push);
                Ok::<(), redis::aio::SendError>(())
            });
        }
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        if let Some(listener) = &self.listener {
            // What changed while nobody listened is not told any more.
            listener.lost();
            redis::cmd("CLIENT").arg(&["TRACKING", "ON", "OPTIN", "NOLOOP"]).exec_async(&mut connection).await?;
        }
        Ok(kept.insert(connection).clone())
    }

    /// It may be half dead; the next command makes a new one.
    pub fn drop_connection(&self) {
        if let Ok(mut connection) = self.connection.try_lock() {
            *connection = None;
        }
        if let Some(listener) = &self.listener {
            listener.lost();
        }
    }
}

fn hear(listener: &dyn Listener, push: &PushInfo) {
    match (&push.kind, push.data.first()) {
        (PushKind::Invalidate, Some(Value::Array(keys))) => {
            for key in keys {
                if let Value::BulkString(key) = key {
                    listener.changed(key);
                }
            }
        }
        // No list of keys: all were flushed.
        (PushKind::Invalidate | PushKind::Disconnection, _) => listener.lost(),
        _ => {}
    }
}
