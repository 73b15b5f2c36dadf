//! Claim 13: the command that moves buckets is killed at every step, and primaries fail over in the middle; the move is taken up or undone,
//! and nothing is lost.

use std::time::Duration;

use anyhow::{Context, ensure};
use magnitude_ids::Bucket;
use magnitude_load::report::Figure;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    check::{self, Found},
    crash::{Crash, Kill, NOTHING, Outcomes, Way},
    databases::SERVICES,
    fault::Fault,
    frozen::Frozen,
    load::{Load, Settings, count, millis},
    owners::Owners,
    reshard,
    run::{Options, Run},
};

const NAME: &str = "reshard-crash";
const TITLE: &str =
    "the command that moves buckets is killed at every step, and primaries fail over in the middle: it resumes or rolls back";
const BUCKETS: usize = 16;
const STEPS: usize = 6;
/// Every step, in every service, ended in every way.
const ROUNDS: usize = STEPS * SERVICES.len() * 3;
/// Both sides, at four steps, in two ways.
const FAILOVERS: usize = 16;
/// Milliseconds that a move of so few buckets takes, about.
const LONGEST: u64 = 1_200;
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let mut random = StdRng::seed_from_u64(run.seed);
    let left = check::leftovers(&run.databases()?).await?;
    ensure!(left.is_empty(), "an earlier move has not ended, run `stack reshard abort`: {}", left.join("; "));
    let owners = run.owners().await?;
    let load = Load::start(&run.stack()?.url, owners.clone(), &Settings::new(run.seed)).await?;
    let buckets = choose(&owners, &load, &mut random);
    let targets: Vec<_> = SERVICES.into_iter().flat_map(|service| buckets.iter().take(3).map(move |bucket| (service, *bucket))).collect();
    let frozen = Frozen::start(&run.databases()?, &owners, &targets)?;

    let mut outcomes = Outcomes::default();
    for round in 0..run.rounds(ROUNDS, STEPS) {
        crash(&mut run, &buckets, round, &mut random, &mut outcomes).await?;
    }
    for round in 0..if options.short { 2 } else { FAILOVERS } {
        fail_over(&run, &buckets, round, &mut outcomes).await?;
    }

    go_home(&run, &buckets).await?;
    let written = frozen.stop().await?;
    let record = load.stop().await?;
    run.check(&record).await?;
    run.found(Found { checker: "writes accepted by the wrong shard", violations: written.violations });
    let history = &record.history;
    run.figure(Figure::shown("failed writes", count(history.failed_writes(history.whole()).len()), "count"));
    run.figure(Figure::shown("writes of unknown outcome", count(history.unknown_writes(history.whole()).len()), "count"));
    run.figure(Figure::shown("failed reads", count(history.failed_reads(history.whole()).len()), "count"));
    run.figure(Figure::shown("worst write", millis(history.writes(history.whole(), |_| true).worst()), "ms"));
    outcomes.figures(&mut run);
    run.end().await
}

/// Buckets that one shard owns in every service: those of its authors, and others drawn at random.
fn choose(owners: &Owners, load: &Load, random: &mut StdRng) -> Vec<Bucket> {
    let mut all = owners.owned_everywhere(0);
    all.shuffle(random);
    // Stable: authors first, otherwise as shuffled.
    all.sort_by_key(|bucket| !load.buckets().contains(bucket));
    all.truncate(BUCKETS);
    all
}

/// One round: a move is begun, killed, looked at and ended in one way or the other.
async fn crash(run: &mut Run, buckets: &[Bucket], round: usize, random: &mut StdRng, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let after = Duration::from_millis(random.random_range(0..LONGEST));
    let kill = [Kill::Copying, Kill::Drained, Kill::Released, Kill::Claimed, Kill::HalfDone, Kill::After(after)][round % STEPS];
    // Shifted after all steps, so that each step meets every service and every way.
    let turn = round / STEPS;
    let service = SERVICES[(round + turn) % SERVICES.len()];
    let way = [Way::Again, Way::Abort, Way::Leave][(round + turn / SERVICES.len()) % 3];
    let from = run.owners().await?.number(service, buckets[0]).context("a bucket without an owner")?;
    // Between the first two shards, to and fro.
    let crash = Crash { service, buckets, from, to: 1 - from, kill, way };
    let mut left = crash.kill(run).await?;
    let over = left == NOTHING && crash.has_moved(run).await?;
    if over {
        "the end".clone_into(&mut left);
    }
    run.fault(&format!("round {round}: {service} reshard was killed at {left} ({kill:?}), then {way:?}"));
    *outcomes.left.entry(left).or_default() += 1;
    if !over {
        crash.recover(run, outcomes).await?;
    }
    outcomes.violations.extend(crash.judge(run).await?.into_iter().map(|sentence| format!("round {round}: {sentence}")));
    Ok(())
}

/// One round: a primary of the source or the target goes while a move is at a step.
async fn fail_over(run: &Run, buckets: &[Bucket], round: usize, outcomes: &mut Outcomes) -> anyhow::Result<()> {
    let kill = [Kill::Copying, Kill::Drained, Kill::Released, Kill::Claimed][round / 2 % 4];
    let fault = [Fault::Server, Fault::Switchover][round / 8 % 2];
    let service = SERVICES[round % SERVICES.len()];
    let from = run.owners().await?.number(service, buckets[0]).context("a bucket without an owner")?;
    let side = [from, 1 - from][round % 2];
    run.tell(&format!("failover {round}: {service}, at {kill:?}, of the {}", if side == from { "source" } else { "target" }));
    let crash = Crash { service, buckets, from, to: 1 - from, kill, way: Way::Again };
    crash.fail_over(run, side, fault, outcomes).await?;
    outcomes.violations.extend(crash.judge(run).await?.into_iter().map(|sentence| format!("failover {round}: {sentence}")));
    Ok(())
}

/// Every service's buckets go back to where the run found them.
async fn go_home(run: &Run, buckets: &[Bucket]) -> anyhow::Result<()> {
    let (owners, home) = (run.owners().await?, run.databases()?.shards().swap_remove(0));
    for service in SERVICES {
        if owners.number(service, buckets[0]) != Some(0) {
            let back = ["move", "--buckets", &reshard::list(buckets), "--to", &home];
            reshard::insist(async || reshard::complete(run.folder(), service, &back).await).await?;
        }
    }
    Ok(())
}
