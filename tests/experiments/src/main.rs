//! `experiment`: breaks the running stack on purpose and measures what its clients notice.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use magnitude_experiments::{
    cache_loss, celebrity, claims, containers, edge, failover, fan_out, footprint, jobs, replica, reshard_crash, resharding, run::Options,
    staleness, stampede, stateless,
};

#[derive(Parser)]
#[command(name = "experiment", about = "Breaks the running stack on purpose and measures what its clients notice")]
struct Command {
    #[command(subcommand)]
    claim: Claim,
}

#[derive(Subcommand)]
enum Claim {
    /// Write the README's table from the reports
    Claims,
    /// Replicas die, lag, are cut off and frozen, and come back
    Replica(Options),
    /// Redis is flushed and dies, every web instance is replaced, sessions are revoked
    Stateless(Options),
    /// Primaries are killed, cut off, frozen and switched over
    Failover(Options),
    /// Buckets move to another shard while everybody writes
    Resharding(Options),
    /// Clients of several processes miss one key at once
    Stampede(Options),
    #[command(hide = true)]
    StampedeClients(stampede::Clients),
    /// Readers, writers, evictions, flushes and a lagging replica race
    Staleness(Options),
    /// Cache nodes die and come back
    CacheLoss(Options),
    /// An author has a million followers, and everybody reads and favorites one article
    Celebrity(Options),
    /// Workers, brokers, a primary and buckets come and go while jobs flow
    Jobs(Options),
    /// Jobs that cannot succeed, among others
    Poison(Options),
    /// An author with a million followers publishes
    FanOut(Options),
    /// Much work comes at once, and workers with it
    Burst(Options),
    /// Points of presence miss, hit, expire, are refreshed, and lose their origin and each other
    Edge(Options),
    /// Containers are scaled, killed and replaced: needs a stack of `docker compose`, as `make test-compose` starts it
    Containers(Options),
    /// What a stack of `docker compose` takes of the machine: deletes its data
    ContainersFootprint(Options),
    /// Tell the suites where everything of a stack of `docker compose` is
    Describe { file: PathBuf },
    /// What the stack takes of the machine
    Footprint(Options),
    /// The command that moves buckets is killed at every step
    ReshardCrash(Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse().claim {
        Claim::Claims => {
            let changed = claims::write(Path::new("."))?;
            println!("README.md {}", if changed { "is written anew" } else { "is as the reports say" });
            Ok(())
        }
        Claim::Replica(options) => replica::run(&options).await,
        Claim::Stateless(options) => stateless::run(&options).await,
        Claim::Failover(options) => failover::run(&options).await,
        Claim::Resharding(options) => resharding::run(&options).await,
        Claim::Stampede(options) => stampede::run(&options).await,
        Claim::StampedeClients(clients) => clients.run().await,
        Claim::Staleness(options) => staleness::run(&options).await,
        Claim::CacheLoss(options) => cache_loss::run(&options).await,
        Claim::Celebrity(options) => celebrity::run(&options).await,
        Claim::Jobs(options) => jobs::run(&options).await,
        Claim::Poison(options) => jobs::poison::run(&options).await,
        Claim::FanOut(options) => fan_out::run(&options).await,
        Claim::Burst(options) => fan_out::burst::run(&options).await,
        Claim::Edge(options) => edge::run(&options).await,
        Claim::Containers(options) => containers::run(&options).await,
        Claim::ContainersFootprint(options) => containers::footprint::run(&options).await,
        Claim::Describe { file } => containers::describe_to(&file).await,
        Claim::Footprint(options) => footprint::run(&options).await,
        Claim::ReshardCrash(options) => reshard_crash::run(&options).await,
    }
}
