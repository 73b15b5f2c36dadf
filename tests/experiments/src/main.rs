//! `experiment`: breaks the running stack on purpose and measures what its clients notice.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "experiment", about = "Breaks the running stack on purpose and measures what its clients notice")]
struct Command {
    #[command(subcommand)]
    claim: Claim,
}

#[derive(Subcommand)]
enum Claim {}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse().claim {}
}
