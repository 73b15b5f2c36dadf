//! `experiment`: breaks the running stack on purpose and measures what its clients notice.

use clap::{Parser, Subcommand};
use magnitude_experiments::{reshard_crash, resharding, run::Options};

#[derive(Parser)]
#[command(name = "experiment", about = "Breaks the running stack on purpose and measures what its clients notice")]
struct Command {
    #[command(subcommand)]
    claim: Claim,
}

#[derive(Subcommand)]
enum Claim {
    /// Buckets move to another shard while everybody writes
    Resharding(Options),
    /// The command that moves buckets is killed at every step
    ReshardCrash(Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse().claim {
        Claim::Resharding(options) => resharding::run(&options).await,
        Claim::ReshardCrash(options) => reshard_crash::run(&options).await,
    }
}
