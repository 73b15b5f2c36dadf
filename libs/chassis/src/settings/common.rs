use std::net::SocketAddr;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing_subscriber::EnvFilter;

use crate::Stores;

/// A service's settings: one struct with `#[serde(deny_unknown_fields)]`.
pub trait ServiceSettings: DeserializeOwned + Serialize + Send + Sync + 'static {
    fn http(&self) -> &HttpSettings;
    fn telemetry(&self) -> &TelemetrySettings;
    /// Nothing of a service that keeps nothing.
    fn stores(&self) -> Option<Stores<'_>> {
        None
    }
    /// Every setting of the service's own whose value cannot be, as `section.key: sentence`.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

/// `[http]`: the listeners and the bounds of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    pub public: SocketAddr,
    pub operator: SocketAddr,
    pub max_body_bytes: usize,
    /// Writes have a deadline of their own below this one.
    pub request_timeout_ms: u64,
    /// From the first byte of a request to the end of its head.
    pub header_timeout_ms: u64,
    /// How long running requests may take once the listeners are closed.
    pub drain_timeout_ms: u64,
    /// How long readiness says no before the listeners close.
    pub drain_delay_ms: u64,
}

impl HttpSettings {
    /// For one of several services in one process, as in tests: free ports of the loopback, and the bounds that services have by default.
    pub fn on_free_ports() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            public: free,
            operator: free,
            max_body_bytes: 1 << 20,
            request_timeout_ms: 15_000,
            header_timeout_ms: 5_000,
            drain_timeout_ms: 5_000,
            drain_delay_ms: 0,
        }
    }
}

/// `[telemetry]`: what is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// A level, or directives as `info,magnitude_sharding=debug`.
    pub log: String,
    /// `json` or `text`.
    pub format: String,
}

/// Those of the common sections and the service's own.
pub(super) fn problems(settings: &impl ServiceSettings) -> Vec<String> {
    let http = settings.http();
    let telemetry = settings.telemetry();
    let checks = [
        (http.max_body_bytes == 0, "http.max_body_bytes: must be more than 0"),
        (http.request_timeout_ms == 0, "http.request_timeout_ms: must be more than 0"),
        (http.header_timeout_ms == 0, "http.header_timeout_ms: must be more than 0"),
        (http.public.port() != 0 && http.public == http.operator, "http.operator: must not be the address of http.public"),
        (EnvFilter::try_new(&telemetry.log).is_err(), "telemetry.log: must be a level (error, warn, info, debug, trace) or directives"),
        (!matches!(telemetry.format.as_str(), "json" | "text"), "telemetry.format: must be json or text"),
    ];
    let common = checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, sentence)| sentence.to_owned());
    let stores = settings.stores().map(|stores| stores.problems()).unwrap_or_default();
    common.chain(stores).chain(settings.problems()).collect()
}
