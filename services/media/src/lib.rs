//! The media service: uploads and the variants that are made of them, in their owner's bucket; and the origin of the web application, from
//! the object store.

mod app;
mod briefly;
pub mod decode;
mod decoder;
pub mod jobs;
mod keyspaces;
mod kind;
mod medium;
pub mod publish;
mod routes;
mod serve;
pub mod settings;
mod staging;
mod status;
pub mod store;

use std::time::Duration;

use magnitude_chassis::{Roles, Routers, Service, Tasks, connect, hear_voids};
use magnitude_contract::accounts::AccountsClient;
use magnitude_ids::Bucket;
use magnitude_jobs::Jobs;
use magnitude_limit::limit_writes;
use magnitude_session::mark_writes;
use magnitude_sharding::Migrations;

pub use app::App;
pub use settings::Settings;

/// The service, for `chassis::run_with`.
pub struct Media;

impl Service for Media {
    const NAME: &'static str = "media";
    const DEFAULTS: &'static str = include_str!("../settings.toml");
    type Settings = Settings;

    async fn start(settings: Settings, roles: Roles, tasks: Tasks) -> anyhow::Result<Routers> {
        let app = App::new(&settings, connect::<Self>(&settings, &tasks).await?)?;
        tasks.spawn("the cache's repair", app.cache.repair(tasks.stop()));
        if roles.work {
            tasks.spawn("the jobs", jobs().work(app.shards.clone(), app.clone(), settings.broker, tasks.stop()));
        }
        if !roles.web {
            return Ok(Routers::of_worker());
        }
        tasks.spawn("the log of voids", hear_voids(app.cache.clone(), app.shards.clone(), tasks.stop()));
        tasks.spawn("the revocations", app.sessions.follow(vec![app.accounts.clone()], tasks.stop()));
        let routers = routes::routers(app.clone());
        Ok(Routers { public: mark_writes(limit_writes(routers.public, &app.limiter, &app.sessions), &app.sessions), ..routers })
    }

    fn migrations() -> Vec<Migrations> {
        vec![magnitude_jobs::migrations(), Migrations::new(Self::NAME, sqlx::migrate!())]
    }

    async fn home(settings: &Settings, username: String) -> anyhow::Result<Option<Bucket>> {
        Ok(AccountsClient::new(&settings.internal)?.home(&username).await?)
    }
}

const DAY: Duration = Duration::from_hours(24);

fn jobs() -> Jobs<App> {
    Jobs::new(Media::NAME)
        .register::<jobs::MakeVariants>()
        .register::<jobs::SweepStaged>()
        .schedule("sweep staged", DAY, jobs::SweepStaged)
        .walk_nightly::<jobs::Collect>("collect")
}
