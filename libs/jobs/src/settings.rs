use serde::{Deserialize, Serialize};

/// `[broker]`: the RabbitMQ that carries jobs to workers. Only the role `work` needs it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `host:port` of the nodes of one cluster. Empty: workers run what is due without a broker.
    pub nodes: Vec<String>,
    pub user: String,
    pub password: String,
    pub vhost: String,
    /// Before the names of queues.
    pub prefix: String,
    /// How long a connection, a declaration or a confirmation may take.
    pub timeout_ms: u64,
    /// Jobs of one lane at once in this process, at most.
    pub at_once: u16,
}

impl Settings {
    /// What cannot be, as `section.key: sentence`.
    pub fn problems(&self) -> Vec<String> {
        let checks = [
            (self.at_once == 0, "broker.at_once: must be at least 1"),
            (self.timeout_ms == 0, "broker.timeout_ms: must be more than 0"),
            (self.nodes.iter().any(|node| split(node).is_none()), "broker.nodes: must each be host:port"),
        ];
        checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned()).collect()
    }
}

pub(crate) fn split(node: &str) -> Option<(&str, u16)> {
    let (host, port) = node.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
