//! The line to the broker as the relays see it, and what can be wrong with it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use lapin::{
    Connection, ConnectionProperties,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use tokio::time::timeout;

use crate::{Lane, Settings, publish::Publisher, settings::split};

/// Seconds of silence after half of which a line is taken for broken.
const HEARTBEAT: u16 = 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("the broker's queue {queue} has another {argument} than this release declares; it is left as it is: {said}")]
    Refused { queue: String, argument: String, said: String },
    #[error("the broker could not be used")]
    Line(#[from] lapin::Error),
    #[error("the broker did not answer in time")]
    Late,
    #[error("the broker ended the consumer of {0}")]
    Cancelled(String),
    #[error("the broker has no queue for a message, or did not take it")]
    NotTaken,
}

impl BrokerError {
    /// A queue that exists with other arguments is `inequivalent arg 'NAME' for queue …`.
    pub fn of_queue(queue: &str, error: lapin::Error) -> Self {
        let said = error.to_string();
        match said.split_once("inequivalent arg '").and_then(|(_, rest)| rest.split_once('\'')) {
            Some((argument, _)) => Self::Refused { queue: queue.to_owned(), argument: argument.to_owned(), said },
            None => Self::Line(error),
        }
    }
}

/// What the relays hand jobs to, while there is one.
#[derive(Default)]
pub(crate) struct Broker {
    // A std lock: held for a copy of the Arc, never across an await.
    publisher: Mutex<Option<Arc<Publisher>>>,
    depths: [AtomicU32; 3],
}

impl Broker {
    pub fn publisher(&self) -> Option<Arc<Publisher>> {
        let publisher = self.publisher.lock().expect("no holder of this lock panics").clone();
        publisher.filter(|publisher| publisher.usable())
    }

    pub fn set(&self, publisher: Option<Arc<Publisher>>) {
        metrics::gauge!("jobs_broker_up").set(if publisher.is_some() { 1.0 } else { 0.0 });
        *self.publisher.lock().expect("no holder of this lock panics") = publisher;
    }

    /// Messages of a lane that wait in the broker, as it last told.
    pub fn depth(&self, lane: Lane) -> u32 {
        self.depths[lane.index()].load(Ordering::Relaxed)
    }

    pub fn tell_depth(&self, lane: Lane, messages: u32) {
        metrics::gauge!("jobs_queue_depth", "lane" => lane.name()).set(messages);
        self.depths[lane.index()].store(messages, Ordering::Relaxed);
    }
}

/// A connection without recovery: what was in flight must be sent again anyway, so the caller connects anew.
pub(crate) async fn connect(settings: &Settings, node: &str, name: String) -> Result<Connection, BrokerError> {
    let (host, port) = split(node).unwrap_or((node, 5672));
    let uri = AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: settings.user.clone(), password: settings.password.clone() },
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
        },
        vhost: settings.vhost.clone(),
        query: AMQPQueryString { heartbeat: Some(HEARTBEAT), ..AMQPQueryString::default() },
    };
    let options = ConnectionProperties::default().with_connection_name(name.into());
    in_time(settings, Connection::connect_uri(uri, options)).await
}

/// What the broker is asked for must be answered in the settings' time.
pub(crate) async fn in_time<T>(settings: &Settings, work: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    match timeout(Duration::from_millis(settings.timeout_ms), work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(BrokerError::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_argument_is_named() {
        let said = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'a.bulk' in vhost '/'";
        let error = lapin::Error::from(std::io::Error::other(said));

        let refused = BrokerError::of_queue("a.bulk", error).to_string();

        assert!(refused.starts_with("the broker's queue a.bulk has another x-delivery-limit"), "{refused}");
    }
}
