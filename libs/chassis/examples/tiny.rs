//! The smallest service: `cargo run -p magnitude-chassis --example tiny -- serve`.

use std::process::ExitCode;

use axum::{Router, routing::get};
use magnitude_chassis::{HttpSettings, Json, Roles, Routers, Service, ServiceSettings, Tasks, TelemetrySettings};
use serde::{Deserialize, Serialize};

struct Tiny;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    http: HttpSettings,
    telemetry: TelemetrySettings,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }
    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }
}

impl Service for Tiny {
    const NAME: &'static str = "tiny";
    const DEFAULTS: &'static str = include_str!("tiny.toml");
    type Settings = Settings;

    async fn start(_: Settings, _: Roles, _: Tasks) -> anyhow::Result<Routers> {
        let public = Router::new().route("/hello", get(async || Json("hello"))).route("/never", get(never));
        Ok(Routers { public, internal: Router::new() })
    }
}

async fn never() -> Json<()> {
    std::future::pending().await
}

fn main() -> ExitCode {
    magnitude_chassis::run(Tiny)
}
