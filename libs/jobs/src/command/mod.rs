//! `<service> jobs …`: what an operator asks about jobs, and tells them.

mod dead;
mod status;

use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use magnitude_ids::Bucket;
use magnitude_sharding::{Settings, ShardFreshness, ShardSettings, Shards};
use tokio_util::sync::CancellationToken;

use crate::{
    Lane,
    schedule::{NAMES, RECALL},
};
pub use dead::Dead;

/// A command about a service's jobs.
#[derive(Clone, Debug, Subcommand)]
pub enum Order {
    /// Shows what waits in every lane, and which lanes rest
    Status,
    /// Shows, replays or drops jobs that were given up
    Dead {
        #[command(subcommand)]
        order: Dead,
    },
    /// Lets a lane rest: workers take none of its jobs
    Pause { lane: Lane },
    /// Lets a lane go on
    Resume { lane: Lane },
    /// Lets what runs at certain times run at once; what still runs is not begun anew
    Run {
        /// As the service names it, for instance recount
        schedule: String,
    },
}

/// Carries it out and prints what came of it. Fails if a shard does not answer: then some may have been told and others not, and the same
/// command again tells the rest.
pub async fn command(settings: &Settings, shards: &[ShardSettings], order: Order) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let (shards, watch) = Shards::connect(settings, shards, stop.clone())?;
    let _stop = stop.drop_guard();
    let work = async {
        shards.ready().await?;
        match order {
            Order::Status => status::print(&shards).await,
            Order::Dead { order } => dead::run(&shards, order).await,
            Order::Pause { lane } => {
                on_all(&shards, "insert into jobs.paused (lane) values ($1) on conflict do nothing returning true", lane).await
            }
            Order::Run { schedule } => run(&shards, &schedule).await,
            Order::Resume { lane } => on_all(&shards, "delete from jobs.paused where lane = $1 returning true", lane).await,
        }
    };
    tokio::select! {
        done = tokio::time::timeout(PATIENCE, work) => done.context("the shards did not answer in time")?,
        () = watch => anyhow::bail!("the shards are no longer watched"),
    }
}

/// Thousands of dead jobs are replayed one by one.
const PATIENCE: Duration = Duration::from_mins(10);

async fn on_all(shards: &Shards, sql: &'static str, lane: Lane) -> anyhow::Result<()> {
    for shard in shards.names() {
        let told = shards.execute_on::<(bool,)>(&shard, sql, |q| q.bind(lane.name())).await;
        told.with_context(|| format!("shard {shard} was not told"))?;
    }
    println!("All shards know it.");
    Ok(())
}

/// The workers do it: the tick is made to come once more.
async fn run(shards: &Shards, schedule: &str) -> anyhow::Result<()> {
    if shards.execute(Bucket::of_name(schedule), RECALL, |q| q.bind(schedule)).await? == 0 {
        let known: Vec<(String,)> = shards.fetch_from_all(&ShardFreshness::default(), NAMES, |q| q).await?;
        let known: Vec<_> = known.into_iter().map(|(name,)| name).collect();
        anyhow::bail!("no worker knows a schedule {schedule:?}; they know {known:?}");
    }
    println!("A worker begins it within a second.");
    Ok(())
}
