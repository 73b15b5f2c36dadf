//! The social service: who follows whom, and what readers are told. `follows` is the truth in the follower's bucket, `followers` its
//! mirror in the followee's; a notification is in its reader's.
#![expect(clippy::similar_names, reason = "follower and followee are the words of this domain")]

mod app;
pub mod jobs;
mod keyspaces;
mod routes;
mod settings;
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

/// The service, for `chassis::run`.
pub struct Social;

impl Service for Social {
    const NAME: &'static str = "social";
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
    Jobs::new(Social::NAME)
        .register::<jobs::MirrorFollow>()
        .register::<jobs::NotifyFollowed>()
        .register::<jobs::FanOut>()
        .register::<jobs::NotifyPage>()
        .register::<jobs::TrimNotifications>()
        .schedule("trim notifications", DAY, jobs::TrimNotifications)
        .walk_nightly::<jobs::Recount>("recount")
}
