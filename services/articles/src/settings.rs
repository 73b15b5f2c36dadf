use magnitude_chassis::{HttpSettings, ServiceSettings, Stores, TelemetrySettings};
use magnitude_sharding::ShardSettings;
use serde::{Deserialize, Serialize};

/// `settings.toml` says what each means.
#[derive(Clone, Serialize, Deserialize)]
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
    pub bench: Bench,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bench {
    pub constants: bool,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }

    fn stores(&self) -> Option<Stores<'_>> {
        let Self { database, shards, reshard, cache, sessions, broker, .. } = self;
        Some(Stores { database, shards, reshard, cache, sessions, broker })
    }
}
