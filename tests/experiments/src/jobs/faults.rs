//! What happens to workers, brokers, buckets and a primary.

use std::time::Duration;

use anyhow::Context;
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::time::Instant;

use super::{
    SERVICE, Size,
    audit::Taken,
    brokers::Brokers,
    feed::Feed,
    phases::Phases,
    workers::{self, Workers},
};
use crate::{
    fault::{self, Fault},
    reshard,
    run::Run,
    wait,
};

/// Between two faults of a kind.
const WORKER_DIES_EVERY: Duration = Duration::from_secs(3);
const BROKER_DIES_EVERY: Duration = Duration::from_secs(10);
/// Buckets that move.
const BATCH: usize = 64;
const TAKEN: Duration = Duration::from_mins(2);

/// All of them while jobs flow.
pub async fn all(run: &mut Run, feed: &Feed, size: &Size) -> anyhow::Result<Phases> {
    let (workers, brokers) = (Workers::two(run).await?, Brokers::of(run).await?);
    let (flow, mut phases) = (feed.flow(size.rate), Phases::default());
    phases.begin("workers die");
    workers_die(run, &workers, size.workers_die).await?;
    phases.begin("all brokers are restarted");
    brokers.restart(run, &workers).await?;
    if size.leaders_die > 0 {
        phases.begin("the queue's leaders die");
        leaders_die(run, &brokers, size.leaders_die).await?;
    }
    phases.begin("brokers freeze and relays die");
    relays_die_before_the_confirmation(run, &workers, &brokers).await?;
    phases.begin("buckets move");
    buckets_move(run).await?;
    if size.fails_over {
        phases.begin("a primary dies");
        primary_dies(run).await?;
    }
    phases.end();
    flow.stop().await?;
    workers.one(run).await?;
    Ok(phases)
}

async fn workers_die(run: &Run, workers: &Workers, times: usize) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(run.seed);
    for _ in 0..times {
        let next = Instant::now() + WORKER_DIES_EVERY;
        let worker = workers.names().choose(&mut random).context("there are workers")?;
        run.fault(&format!("{worker} is killed"));
        workers::kill(run, worker).await?;
        workers::start(run, worker).await?;
        tokio::time::sleep_until(next).await;
    }
    Ok(())
}

async fn leaders_die(run: &Run, brokers: &Brokers, times: usize) -> anyhow::Result<()> {
    for _ in 0..times {
        let next = Instant::now() + BROKER_DIES_EVERY;
        brokers.kill_leader(run).await?;
        tokio::time::sleep_until(next).await;
    }
    Ok(())
}

/// The brokers freeze, so that relays have taken rows and wait to hear that the broker has them; then they die.
async fn relays_die_before_the_confirmation(run: &Run, workers: &Workers, brokers: &Brokers) -> anyhow::Result<()> {
    brokers.freeze(run).await?;
    let taken = Taken::from_now(&run.databases()?).await?;
    wait::until("a relay has taken rows", TAKEN, wait::STEP, async || taken.any().await).await?;
    run.fault("the relays are killed between taking and confirmation");
    for worker in workers.names() {
        workers::kill(run, worker).await?;
    }
    brokers.thaw(run).await?;
    for worker in workers.names() {
        workers::start(run, worker).await?;
    }
    Ok(())
}

/// To the second shard and back.
async fn buckets_move(run: &Run) -> anyhow::Result<()> {
    let (shards, owners) = (run.databases()?.shards(), run.owners().await?);
    let buckets: Vec<_> = owners.owned(SERVICE, 0).into_iter().take(BATCH).collect();
    for to in [shards.get(1).context("a move needs two shards")?, &shards[0]] {
        run.fault(&format!("{} buckets move to {to}", buckets.len()));
        let listed = reshard::list(&buckets);
        reshard::insist(async || reshard::complete(run.folder(), SERVICE, &["move", "--buckets", &listed, "--to", to]).await).await?;
    }
    Ok(())
}

async fn primary_dies(run: &Run) -> anyhow::Result<()> {
    let shard = run.databases()?.shards().swap_remove(0);
    let leader = fault::leader(run, &shard).await?;
    let broken = Fault::Node.inject(run, &shard, &leader).await?;
    fault::led_again(run, &shard, &broken).await?;
    let let_back = broken.undo(run).await?;
    fault::whole(run, &shard, let_back).await.map(drop)
}
