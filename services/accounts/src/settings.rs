use magnitude_chassis::{HttpSettings, ServiceSettings, Stores, TelemetrySettings};
use magnitude_limit::Rate;
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
    pub passwords: Passwords,
    pub session_life: SessionLife,
    pub sign_in: SignIn,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    pub at_once: usize,
    pub queue: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionLife {
    pub idle_s: i64,
    pub absolute_s: i64,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub per_account: Rate,
    pub per_address: Rate,
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

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if argon2::Params::new(self.passwords.memory_kib, self.passwords.passes, self.passwords.lanes, None).is_err() {
            problems.push("passwords: argon2 cannot use these parameters".to_owned());
        }
        if self.passwords.at_once == 0 {
            problems.push("passwords.at_once: must be at least 1".to_owned());
        }
        if self.session_life.idle_s <= 0 || self.session_life.absolute_s < self.session_life.idle_s {
            problems.push("session_life: idle_s must be positive and at most absolute_s".to_owned());
        }
        for (name, rate) in [("per_account", self.sign_in.per_account), ("per_address", self.sign_in.per_address)] {
            problems.extend(rate.problem().map(|problem| format!("sign_in.{name}: {problem}")));
        }
        problems
    }
}
