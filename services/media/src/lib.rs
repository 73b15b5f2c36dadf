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

use magnitude_chassis::{Roles, Routers, Service, Tasks};
use magnitude_contract::accounts::AccountsClient;
use magnitude_jobs::{Event, Jobs};
use magnitude_limit::limit_writes;
use magnitude_session::mark_writes;
use magnitude_sharding::{
    Migrations, Shards, check_schema, migrate,
    reshard::{self, Order},
};
use tokio_util::sync::CancellationToken;

pub use app::App;
pub use settings::Settings;

/// The service, for `chassis::run_with`.
pub struct Media;

impl Service for Media {
    const NAME: &'static str = "media";
    const DEFAULTS: &'static str = include_str!("../settings.toml");
    type Settings = Settings;

    async fn start(settings: Settings, roles: Roles, tasks: Tasks) -> anyhow::Result<Routers> {
        let (shards, watch) = Shards::connect(&settings.database, &settings.shards, tasks.stop())?;
        tasks.spawn("the shards' watch", watch);
        let app = App::new(&settings, shards)?;
        tasks.spawn("the cache's repair", app.cache.repair(tasks.stop()));
        check_schema(&app.shards, &migrations()).await?;
        app.shards.ready().await?;
        if roles.work {
            tasks.spawn("the jobs", jobs().work(app.shards.clone(), app.clone(), settings.broker, tasks.stop()));
        }
        if !roles.web {
            return Ok(Routers::of_worker());
        }
        tasks.spawn("the log of voids", revoid(app.clone(), tasks.stop()));
        tasks.spawn("the revocations", app.sessions.follow(vec![app.accounts.clone()], tasks.stop()));
        let routers = routes::routers(app.clone());
        Ok(Routers { public: mark_writes(limit_writes(routers.public, &app.limiter, &app.sessions), &app.sessions), ..routers })
    }

    async fn migrate(settings: Settings) -> anyhow::Result<()> {
        migrate(&settings.database, &settings.shards, migrations()).await
    }

    async fn reshard(settings: Settings, order: Order) -> anyhow::Result<()> {
        let accounts = AccountsClient::new(&settings.internal)?;
        let find = async |username: String| Ok(accounts.by_username(&username).await?.map(|profile| profile.id.bucket()));
        reshard::run(&settings.database, &settings.reshard, &settings.shards, order, find).await
    }

    async fn jobs(settings: Settings, order: magnitude_jobs::Order) -> anyhow::Result<()> {
        magnitude_jobs::command(&settings.database, &settings.shards, order).await
    }
}

/// Voids what other processes wrote and did not come to tell the cache.
async fn revoid(app: App, stop: CancellationToken) {
    let void = async |events: Vec<Event>| {
        let voids = events.into_iter().filter(|event| event.kind == magnitude_jobs::VOID);
        app.cache.revoid(voids.map(|event| (event.bucket, event.payload))).await
    };
    magnitude_jobs::follow(app.shards.clone(), "cache", void, stop).await;
}

/// What the databases need beside the tables of `sharding`.
pub fn migrations() -> Vec<Migrations> {
    vec![magnitude_jobs::migrations(), Migrations::new("media", sqlx::migrate!())]
}

const DAY: Duration = Duration::from_hours(24);

fn jobs() -> Jobs<App> {
    Jobs::new(Media::NAME)
        .register::<jobs::MakeVariants>()
        .register::<jobs::SweepStaged>()
        .schedule("sweep staged", DAY, jobs::SweepStaged)
        .walk_nightly::<jobs::Collect>("collect")
}
