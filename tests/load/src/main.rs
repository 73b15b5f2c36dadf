//! `load`: data, reads and the bench for a stack on this machine.

use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use magnitude_load::{bench, demo, fill, reads, stack};

/// Data, reads and the bench for a stack on this machine.
#[derive(Parser)]
#[command(name = "load")]
struct Command {
    /// Give up after this many minutes.
    #[arg(long, global = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=240))]
    minutes: u64,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Fill the databases through the public API.
    Fill(fill::Fill),
    /// Give an empty stack something to read.
    Demo(demo::Options),
    /// Read through Envoy and count what failed.
    Reads(reads::Reads),
    /// Measure one instance of articles against constant answers.
    Bench(bench::Bench),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    let stack = stack::Stack::load;
    let work = async {
        match command.what {
            What::Fill(fill) => fill.run(&stack()?).await,
            What::Demo(options) => demo::run(&options).await,
            What::Reads(reads) => reads.run(&stack()?).await,
            What::Bench(bench) => bench.run(&stack()?).await,
        }
    };
    let limit = Duration::from_secs(command.minutes * 60);
    tokio::time::timeout(limit, work).await.with_context(|| format!("not done after {} minutes", command.minutes))?
}
