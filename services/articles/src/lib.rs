//! Articles, tags, comments, favorites, lists and the feed: the table of contents.

pub mod article;
pub mod check;
mod fields;
pub mod jobs;
pub mod keyspaces;
mod routes;
pub mod settings;
pub mod slug;
pub mod store;
mod view;

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRef;
use magnitude_cache::Cache;
use magnitude_chassis::{Reading, Roles, Routers, Service, Tasks, connect, hear_voids};
use magnitude_contract::{accounts::AccountsClient, social::SocialClient};
use magnitude_ids::Bucket;
use magnitude_jobs::Jobs;
use magnitude_limit::{Limiter, limit_writes};
use magnitude_session::{Session, Sessions, mark_writes};
use magnitude_sharding::{Migrations, Shards};

pub use settings::Settings;

/// What every handler and job has at hand: cloned for every request, so its parts are not.
#[derive(Clone)]
pub struct App(Arc<Parts>);

#[derive(Clone)]
pub struct Parts {
    pub shards: Shards,
    pub cache: Cache,
    /// For what a viewer alone sees; the same cache outside of a [`App::reading`].
    pub own: Cache,
    pub sessions: Sessions,
    pub limiter: Limiter,
    pub accounts: AccountsClient,
    pub social: SocialClient,
}

impl App {
    /// Connects to nothing yet but the shards, which the caller watches.
    pub fn new(settings: &Settings, shards: Shards) -> anyhow::Result<Self> {
        let accounts = AccountsClient::new(&settings.internal)?;
        let cache = Cache::new(&settings.cache, Articles::NAME, shards.clone())?.on_untold(magnitude_session::untold);
        Ok(Self(Arc::new(Parts {
            own: cache.clone(),
            cache,
            sessions: Sessions::new(&settings.sessions, accounts.clone())?,
            limiter: Limiter::new(&settings.sessions, Articles::NAME, settings.limits)?,
            social: SocialClient::new(&settings.internal)?,
            accounts,
            shards,
        })))
    }

    /// The same for one answer: what it reads is noted, and what this process keeps copies of is not shown to a session that wrote a
    /// moment ago.
    #[must_use]
    pub fn reading(&self, reading: &Reading, viewer: Option<&Session>) -> Self {
        let (wrote, untold) = viewer.map_or((false, false), |viewer| (viewer.wrote, viewer.untold));
        let (cache, own) = reading.caches(&self.cache, wrote, untold);
        self.through(cache, own)
    }

    /// The same for a request that writes.
    #[must_use]
    pub fn writing(&self, session: &Session) -> Self {
        let cache = if session.untold { self.cache.bypassed() } else { self.cache.skipping_copies() };
        self.through(cache.clone(), cache)
    }

    fn through(&self, cache: Cache, own: Cache) -> Self {
        let (accounts, social) = (self.accounts.through(&cache), self.social.through(&own));
        Self(Arc::new(Parts { cache, own, accounts, social, ..Parts::clone(self) }))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for Sessions {
    fn from_ref(app: &App) -> Self {
        app.sessions.clone()
    }
}

#[derive(Clone, Copy)]
pub struct Articles;

impl Service for Articles {
    const NAME: &'static str = "articles";
    const DEFAULTS: &'static str = include_str!("../settings.toml");
    type Settings = Settings;

    async fn start(settings: Settings, roles: Roles, tasks: Tasks) -> anyhow::Result<Routers> {
        let shards = connect::<Self>(&settings, &tasks).await?;
        let app = App::new(&settings, shards.clone())?;
        tasks.spawn("cache", app.cache.repair(tasks.stop()));
        if roles.work {
            tasks.spawn("jobs", jobs().work(shards, app.clone(), settings.broker, tasks.stop()));
        }
        if !roles.web {
            return Ok(Routers::of_worker());
        }
        tasks.spawn("events", hear_voids(app.cache.clone(), app.shards.clone(), tasks.stop()));
        tasks.spawn("revocations", app.sessions.follow(vec![app.accounts.clone()], tasks.stop()));
        let public = routes::public(app.clone(), settings.bench);
        Ok(Routers {
            public: mark_writes(limit_writes(public, &app.limiter, &app.sessions), &app.sessions),
            internal: routes::internal(app),
        })
    }

    async fn check_cache(settings: Settings, tasks: Tasks) -> anyhow::Result<Routers> {
        let shards = connect::<Self>(&settings, &tasks).await?;
        check::start(&settings, App::new(&settings, shards)?, &tasks)
    }

    fn migrations() -> Vec<Migrations> {
        vec![magnitude_jobs::migrations(), Migrations::new(Self::NAME, sqlx::migrate!())]
    }

    async fn home(settings: &Settings, username: String) -> anyhow::Result<Option<Bucket>> {
        Ok(AccountsClient::new(&settings.internal)?.home(&username).await?)
    }
}

fn jobs() -> Jobs<App> {
    Jobs::new(Articles::NAME)
        .register::<jobs::MirrorFavorite>()
        .register::<jobs::RetractFavorites>()
        .register::<jobs::Notify>()
        .walk_nightly::<jobs::Recount>("recount")
}
