use axum::Router;
use magnitude_sharding::reshard::Order;

use crate::{ServiceSettings, Tasks};

/// What a service is to its process.
pub trait Service: Send + Sync + 'static {
    /// One word: the name of the command, in the logs and in the help.
    const NAME: &'static str;
    /// settings.toml: a default for every key, commented.
    const DEFAULTS: &'static str;
    type Settings: ServiceSettings;

    /// Connects and returns its routers; the process is ready once this returned.
    fn start(settings: Self::Settings, tasks: Tasks) -> impl Future<Output = anyhow::Result<Routers>> + Send;

    /// Connects and returns what the checker of the service's cache serves, if it has one; it has no public routes.
    fn check_cache(_settings: Self::Settings, _tasks: Tasks) -> impl Future<Output = anyhow::Result<Routers>> + Send {
        async { anyhow::bail!("{} has no checker of its cache", Self::NAME) }
    }

    /// Brings the service's databases to the schema that this binary needs.
    fn migrate(settings: Self::Settings) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Carries out a command about the service's buckets.
    fn reshard(settings: Self::Settings, order: Order) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// The routers of a running service.
pub struct Routers {
    /// Served on `http.public`.
    pub public: Router,
    /// Routes under `/internal`, served on `http.operator` beside `/health/live`, `/health/ready` and `/metrics`.
    pub internal: Router,
}
