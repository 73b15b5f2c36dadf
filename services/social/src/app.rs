use axum::extract::FromRef;
use magnitude_cache::Cache;
use magnitude_contract::accounts::AccountsClient;
use magnitude_limit::Limiter;
use magnitude_session::Sessions;
use magnitude_sharding::Shards;

use crate::Settings;

/// What handlers and jobs need.
#[derive(Clone)]
pub struct App {
    pub shards: Shards,
    pub cache: Cache,
    pub sessions: Sessions,
    pub limiter: Limiter,
    pub accounts: AccountsClient,
}

impl App {
    /// Connects to nothing yet but the shards, which the caller watches.
    pub fn new(settings: &Settings, shards: Shards) -> anyhow::Result<Self> {
        let accounts = AccountsClient::new(&settings.internal)?;
        let cache = Cache::new(&settings.cache, "social", shards.clone())?.on_untold(magnitude_session::untold);
        let sessions = Sessions::new(&settings.sessions, accounts.clone())?;
        let limiter = Limiter::new(&settings.sessions, "social", settings.limits)?;
        Ok(Self { shards, cache, sessions, limiter, accounts })
    }
}

impl FromRef<App> for Sessions {
    fn from_ref(app: &App) -> Self {
        app.sessions.clone()
    }
}
