use magnitude_chassis::{HttpSettings, ServiceSettings, TelemetrySettings};
use magnitude_sharding::ShardSettings;
use serde::{Deserialize, Serialize};

/// As `settings.toml` explains.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub http: HttpSettings,
    pub telemetry: TelemetrySettings,
    pub database: magnitude_sharding::Settings,
    pub shards: Vec<ShardSettings>,
    pub reshard: magnitude_sharding::reshard::Admin,
    pub cache: magnitude_redis::Settings,
    pub sessions: magnitude_redis::Settings,
    pub limits: magnitude_limit::Settings,
    pub broker: magnitude_jobs::Settings,
    pub internal: magnitude_contract::Settings,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }

    fn problems(&self) -> Vec<String> {
        let checks = [
            (self.shards.is_empty(), "shards: at least one is needed"),
            (self.cache.nodes.is_empty(), "cache.nodes: at least one is needed"),
            (self.sessions.nodes.is_empty(), "sessions.nodes: at least one is needed"),
            (self.database.connections == 0, "database.connections: must be more than 0"),
        ];
        let own = checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned());
        own.chain(self.broker.problems()).collect()
    }
}
