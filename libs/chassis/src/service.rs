use axum::Router;
use magnitude_ids::Bucket;
use magnitude_sharding::Migrations;

use crate::{ServiceSettings, Tasks};

/// What a service is to its process.
pub trait Service: Send + Sync + 'static {
    /// One word: the name of the command, in the logs and in the help.
    const NAME: &'static str;
    /// settings.toml: a default for every key, commented.
    const DEFAULTS: &'static str;
    type Settings: ServiceSettings;

    /// Connects, does what these roles ask for and returns its routers; the process is ready once this returned.
    fn start(settings: Self::Settings, roles: Roles, tasks: Tasks) -> impl Future<Output = anyhow::Result<Routers>> + Send;

    /// Connects and returns what the checker of the service's cache serves, if it has one; it has no public routes.
    fn check_cache(_settings: Self::Settings, _tasks: Tasks) -> impl Future<Output = anyhow::Result<Routers>> + Send {
        async { anyhow::bail!("{} has no checker of its cache", Self::NAME) }
    }

    /// What the service's databases need beside the tables of `sharding`; nothing if it has none.
    fn migrations() -> Vec<Migrations> {
        Vec::new()
    }

    /// The bucket of a user by name, for an operator who isolates one.
    fn home(_settings: &Self::Settings, _username: String) -> impl Future<Output = anyhow::Result<Option<Bucket>>> + Send {
        async { anyhow::bail!("{} knows no users", Self::NAME) }
    }
}

/// What a process is there for; at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Serves requests; what must follow a write it does inline, and leaves to workers what it could not.
    pub web: bool,
    /// Runs jobs.
    pub work: bool,
}

impl Roles {
    pub const WEB: Self = Self { web: true, work: false };
    pub const WORK: Self = Self { web: false, work: true };
    pub const BOTH: Self = Self { web: true, work: true };
}

/// The routers of a running service.
pub struct Routers {
    /// Served on `http.public`.
    pub public: Router,
    /// Routes under `/internal`, served on `http.operator` beside `/health/live`, `/health/ready` and `/metrics`.
    pub internal: Router,
}

impl Routers {
    /// Of a process that only works: no requests reach it.
    pub fn of_worker() -> Self {
        Self { public: Router::new(), internal: Router::new() }
    }
}
