//! Users, credentials, sessions and profiles: the table of contents.

pub mod account;
mod fields;
pub mod jobs;
pub mod keyspaces;
pub mod names;
mod password;
mod people;
mod revocations;
mod routes;
mod sessions;
pub mod settings;
pub mod store;
pub mod sweep;

use axum::extract::FromRef;
use magnitude_cache::Cache;
use magnitude_chassis::{Reading, Roles, Routers, Service, Tasks, connect, hear_voids};
use magnitude_contract::{accounts::AccountsClient, media::MediaClient, social::SocialClient};
use magnitude_ids::Bucket;
use magnitude_jobs::Jobs;
use magnitude_limit::{Limiter, limit_writes};
use magnitude_session::{Session, Sessions, mark_writes};
use magnitude_sharding::{Migrations, Shards};

pub use settings::Settings;

use crate::{
    password::Passwords,
    sessions::SessionTable,
    settings::{SessionLife, SignIn},
};

/// What every handler and job has at hand.
#[derive(Clone)]
pub struct App {
    pub shards: Shards,
    pub cache: Cache,
    /// For what a viewer alone sees; the same cache outside of a [`App::reading`].
    pub own: Cache,
    pub sessions: Sessions,
    pub social: SocialClient,
    pub media: MediaClient,
    pub limiter: Limiter,
    passwords: Passwords,
    session_life: SessionLife,
    sign_in: SignIn,
}

impl App {
    /// Connects to nothing yet but the shards, which the caller watches.
    pub fn new(settings: &Settings, shards: Shards) -> anyhow::Result<Self> {
        let table = SessionTable { shards: shards.clone(), life: settings.session_life };
        let cache = Cache::new(&settings.cache, Accounts::NAME, shards.clone())?.on_untold(magnitude_session::untold);
        Ok(Self {
            own: cache.clone(),
            cache,
            sessions: Sessions::new(&settings.sessions, table)?,
            limiter: Limiter::new(&settings.sessions, Accounts::NAME, settings.limits)?,
            social: SocialClient::new(&settings.internal)?,
            media: MediaClient::new(&settings.internal)?,
            passwords: Passwords::new(settings.passwords)?,
            session_life: settings.session_life,
            sign_in: settings.sign_in,
            shards,
        })
    }

    /// The same for one answer: what it reads is noted, and what this process keeps copies of is not shown to a session that wrote a
    /// moment ago.
    #[must_use]
    pub fn reading(&self, reading: &Reading, viewer: Option<&Session>) -> Self {
        let (wrote, untold) = viewer.map_or((false, false), |viewer| (viewer.wrote, viewer.untold));
        let (cache, own) = reading.caches(&self.cache, wrote, untold);
        self.through(cache, own)
    }

    /// The same for what another service asks, around the cache if its reader needs that.
    #[must_use]
    pub fn asking(&self, fresh: bool) -> Self {
        let cache = if fresh { self.cache.bypassed() } else { self.cache.skipping_copies() };
        self.through(cache.clone(), cache)
    }

    fn through(&self, cache: Cache, own: Cache) -> Self {
        Self { social: self.social.through(&own), cache, own, ..self.clone() }
    }
}

impl FromRef<App> for Sessions {
    fn from_ref(app: &App) -> Self {
        app.sessions.clone()
    }
}

#[derive(Clone, Copy)]
pub struct Accounts;

impl Service for Accounts {
    const NAME: &'static str = "accounts";
    const DEFAULTS: &'static str = include_str!("../settings.toml");
    type Settings = Settings;

    async fn start(settings: Settings, roles: Roles, tasks: Tasks) -> anyhow::Result<Routers> {
        let shards = connect::<Self>(&settings, &tasks).await?;
        let app = App::new(&settings, shards.clone())?;
        tasks.spawn("cache", app.cache.repair(tasks.stop()));
        let revoked = revocations::logs(&shards);
        if roles.work {
            tasks.spawn("jobs", jobs().work(shards, app.clone(), settings.broker, tasks.stop()));
        }
        if !roles.web {
            return Ok(Routers::of_worker());
        }
        tasks.spawn("events", hear_voids(app.cache.clone(), app.shards.clone(), tasks.stop()));
        tasks.spawn("revocations", app.sessions.follow(revoked, tasks.stop()));
        tasks.spawn("names", sweep::sweep(app.clone(), tasks.stop()));
        Ok(Routers {
            public: mark_writes(limit_writes(routes::public(app.clone()), &app.limiter, &app.sessions), &app.sessions),
            internal: routes::internal(app),
        })
    }

    fn migrations() -> Vec<Migrations> {
        vec![magnitude_jobs::migrations(), Migrations::new(Self::NAME, sqlx::migrate!())]
    }

    async fn home(settings: &Settings, username: String) -> anyhow::Result<Option<Bucket>> {
        Ok(AccountsClient::new(&settings.internal)?.home(&username).await?)
    }
}

fn jobs() -> Jobs<App> {
    Jobs::new(Accounts::NAME).register::<jobs::SettleNames>().register::<jobs::EndSessions>().walk_nightly::<jobs::Recount>("recount")
}
