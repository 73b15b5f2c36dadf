//! Claim 13: the command that moves buckets is killed at every step; it is taken up or undone, and nothing is lost.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use magnitude_ids::Bucket;
use magnitude_load::report::Figure;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio::time::{Instant, sleep};

use crate::{
    check::{self, Found},
    crash::{Kill, Sides},
    databases::SERVICES,
    frozen::Frozen,
    load::{Load, Settings, count, millis},
    owners::Owners,
    reshard,
    run::{Options, Run},
};

const NAME: &str = "reshard-crash";
const TITLE: &str = "the command that moves buckets is killed at every step: it resumes or rolls back";
const BUCKETS: usize = 16;
const STEPS: usize = 6;
/// Every step, in every service, ended in every way.
const ROUNDS: usize = STEPS * SERVICES.len() * 3;
/// Milliseconds that a move of so few buckets takes, about.
const LONGEST: u64 = 1_500;
/// A fence lives 2 s, and the services look every 2 s.
const HEALED: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// What came of all kills.
#[derive(Default)]
struct Outcomes {
    /// What the records said after a kill, and how often.
    left: BTreeMap<String, usize>,
    resumed: usize,
    rolled_back: usize,
    finished: usize,
    /// The same command again was refused, and `abort` ended the move.
    refused: usize,
    /// The longest until the services had made every bucket writable without any command.
    healed: Duration,
    violations: Vec<String>,
}

/// One kill.
struct Crash<'a> {
    service: &'static str,
    buckets: &'a [Bucket],
    from: usize,
    to: usize,
    kill: Kill,
    way: Way,
}

/// How a killed move comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the same command.
    Again,
    Abort,
    /// The services make its buckets writable; then `abort` tidies up.
    Leave,
}

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

    go_home(&run, &buckets).await?;
    let written = frozen.stop().await?;
    let record = load.stop().await?;
    run.check(&record).await?;
    run.found(Found { checker: "writes accepted by the wrong shard", violations: written.violations });
    let history = &record.history;
    run.figure(Figure::shown("failed writes", count(history.failed_writes(history.whole()).len()), "count"));
    run.figure(Figure::shown("failed reads", count(history.failed_reads(history.whole()).len()), "count"));
    run.figure(Figure::shown("worst write", millis(history.writes(history.whole(), |_| true).worst()), "ms"));
    outcomes.figures(&mut run);
    run.end().await
}

/// Buckets that one shard owns in every service: those of its authors, and others drawn at random.
fn choose(owners: &Owners, load: &Load, random: &mut StdRng) -> Vec<Bucket> {
    let mut all = owners.owned("articles", 0);
    all.retain(|bucket| SERVICES.iter().all(|service| owners.number(service, *bucket) == Some(0)));
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
    let crash = Crash { service, buckets, from, to: 1 - from, kill, way };
    let left = crash.kill(run).await?;
    run.fault(&format!("round {round}: {service} reshard was killed at {left} ({kill:?}), then {way:?}"));
    *outcomes.left.entry(left).or_default() += 1;
    crash.recover(run, outcomes).await?;
    outcomes.violations.extend(crash.judge(run).await?.into_iter().map(|sentence| format!("round {round}: {sentence}")));
    Ok(())
}

/// Every service's buckets go back to where the run found them.
async fn go_home(run: &Run, buckets: &[Bucket]) -> anyhow::Result<()> {
    let (owners, home) = (run.owners().await?, run.databases()?.shards().swap_remove(0));
    for service in SERVICES {
        if owners.number(service, buckets[0]) != Some(0) {
            let back = ["move", "--buckets", &reshard::list(buckets), "--to", &home];
            let (done, said) = reshard::finish(reshard::start(run.folder(), service, &back)?).await?;
            ensure!(done, "{service}: the buckets do not go back: {said}");
        }
    }
    Ok(())
}

impl Crash<'_> {
    async fn kill(&self, run: &Run) -> anyhow::Result<String> {
        let databases = run.databases()?;
        let mut sides = Sides::open(&databases, self.service, self.from, self.to).await?;
        sides.kill(self.begin(run)?, self.kill).await
    }

    fn begin(&self, run: &Run) -> anyhow::Result<tokio::process::Child> {
        let to = &run.databases()?.shards()[self.to];
        reshard::start(run.folder(), self.service, &["move", "--buckets", &reshard::list(self.buckets), "--to", to])
    }

    /// Asks what is left, then takes the move up, undoes it or leaves it to the services.
    async fn recover(&self, run: &Run, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let (well, said) = self.order(run, "status").await?;
        eprintln!("status ({}): {said}", if well { "well" } else { "needs attention" });
        match self.way {
            Way::Again => {
                let (done, said) = reshard::finish(self.begin(run)?).await?;
                eprintln!("again ({done}): {said}");
                if done {
                    outcomes.resumed += 1;
                    return Ok(());
                }
                outcomes.refused += 1;
            }
            Way::Leave => outcomes.healed = outcomes.healed.max(self.heal(run).await?),
            Way::Abort => {}
        }
        self.abort(run, outcomes).await
    }

    async fn abort(&self, run: &Run, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let (done, said) = self.order(run, "abort").await?;
        eprintln!("abort ({done}): {said}");
        outcomes.rolled_back += usize::from(said.contains("undone"));
        outcomes.finished += usize::from(said.contains("finished"));
        if !done {
            outcomes.violations.push(format!("{} could not abort: {said}", self.service));
        }
        Ok(())
    }

    async fn order(&self, run: &Run, order: &str) -> anyhow::Result<(bool, String)> {
        reshard::finish(reshard::start(run.folder(), self.service, &[order])?).await
    }

    /// Waits until the services have made every bucket writable again, and says how long it took.
    async fn heal(&self, run: &Run) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        loop {
            let mut writable = 0;
            for shard in 0..2 {
                let mut primary = run.databases()?.primary(shard, self.service).await?;
                let sql = "select count(*) from sharding.buckets where state = 'owned'";
                writable += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut primary).await?;
            }
            if writable == i64::from(magnitude_ids::BUCKETS) {
                return Ok(begun.elapsed());
            }
            ensure!(begun.elapsed() < HEALED, "{}: {writable} buckets are writable {} s after the kill", self.service, HEALED.as_secs());
            sleep(LOOK).await;
        }
    }

    /// All buckets are on one of the two shards, and nothing of the move is left.
    async fn judge(&self, run: &Run) -> anyhow::Result<Vec<String>> {
        let (databases, owners) = (run.databases()?, run.owners().await?);
        let on = |shard| self.buckets.iter().filter(|bucket| owners.number(self.service, **bucket) == Some(shard)).count();
        let mut wrong = [check::leftovers(&databases).await?, check::owners(&databases).await?].concat();
        if ![on(self.from), on(self.to)].contains(&self.buckets.len()) {
            wrong.push(format!("{}: {} buckets stayed and {} moved", self.service, on(self.from), on(self.to)));
        }
        Ok(wrong)
    }
}

impl Outcomes {
    fn figures(self, run: &mut Run) {
        for (left, times) in self.left {
            run.figure(Figure::shown(format!("killed at {left} (source/target)"), count(times), "count"));
        }
        run.figure(Figure::none_of("the same command was refused", self.refused));
        run.figure(Figure::shown("longest until the services had healed it", millis(self.healed), "ms"));
        for (name, times) in [
            ("resumed by the same command", self.resumed),
            ("rolled back by abort", self.rolled_back),
            ("finished by abort", self.finished),
        ] {
            run.figure(Figure::shown(name, count(times), "count"));
        }
        run.found(Found { checker: "after a kill", violations: self.violations });
    }
}
