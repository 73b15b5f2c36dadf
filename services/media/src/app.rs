use std::{ops::Deref, sync::Arc, time::Duration};

use axum::extract::FromRef;
use magnitude_cache::Cache;
use magnitude_chassis::{Reading, Service};
use magnitude_contract::accounts::AccountsClient;
use magnitude_limit::{Limiter, Rate};
use magnitude_objects::Objects;
use magnitude_session::Sessions;
use magnitude_sharding::Shards;

use crate::{Media, Settings, briefly::Briefly, decoder::Decoder, routes::site::Site, status::Watch};

/// What every handler and job has at hand: cloned for every request, so its parts are not.
#[derive(Clone)]
pub struct App(Arc<Parts>);

#[derive(Clone)]
pub struct Parts {
    pub shards: Shards,
    pub cache: Cache,
    pub sessions: Sessions,
    pub limiter: Limiter,
    pub accounts: AccountsClient,
    pub objects: Objects,
    pub decoder: Decoder,
    pub per_user: Rate,
    pub site: Arc<Site>,
    pub status: Arc<Watch>,
}

/// How long what many ask for is believed: the published page, and the state of the stack.
pub const BRIEF: Duration = Duration::from_secs(1);

impl App {
    /// Connects to nothing yet but the shards, which the caller watches.
    pub fn new(settings: &Settings, shards: Shards) -> anyhow::Result<Self> {
        let accounts = AccountsClient::new(&settings.internal)?;
        let objects = Objects::new(&settings.objects)?;
        Ok(Self(Arc::new(Parts {
            cache: Cache::new(&settings.cache, Media::NAME, shards.clone())?.on_untold(magnitude_session::untold),
            sessions: Sessions::new(&settings.sessions, accounts.clone())?,
            limiter: Limiter::new(&settings.sessions, Media::NAME, settings.limits)?,
            decoder: Decoder::new(&settings.decoder.program, &settings.decode_limits())?,
            per_user: settings.uploads.per_user,
            site: Arc::new(Site { settings: settings.site.clone(), page: Briefly::new(BRIEF) }),
            status: Arc::new(Watch::new(settings, shards.clone(), objects.clone())?),
            accounts,
            objects,
            shards,
        })))
    }

    /// The same for one answer: what it reads is noted.
    #[must_use]
    pub fn reading(&self, reading: &Reading) -> Self {
        let (cache, _) = reading.caches(&self.cache, false, false);
        Self(Arc::new(Parts { cache, ..Parts::clone(self) }))
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
