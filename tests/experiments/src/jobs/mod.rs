//! Claim 10: jobs flow while workers, brokers, a primary and buckets come and go; none is lost and none takes effect twice.

pub mod audit;
mod brokers;
mod faults;
pub mod feed;
mod phases;
pub mod poison;
mod speed;
mod workers;

use std::time::Duration;

use magnitude_load::report::Figure;

use crate::{
    check::{self, Found},
    databases::Databases,
    load::count,
    run::{Options, Run},
    wait,
};
use audit::Audit;
use feed::Feed;
use phases::Phases;

const NAME: &str = "jobs";
const TITLE: &str = "jobs flow while workers, brokers, a primary and buckets come and go";
/// The fed service, whose effects are counted.
const SERVICE: &str = "social";
/// However busy the machine is, so many jobs are done in a second.
const SLOWEST: u64 = 25;

struct Size {
    jobs: usize,
    /// Jobs a second in calm, each for so long.
    calm: &'static [u32],
    long: Duration,
    backlog: usize,
    /// Jobs a second beside the faults: less than two workers can do on two cores, so that what faults leave behind is caught up with.
    rate: u32,
    workers_die: usize,
    leaders_die: usize,
    fails_over: bool,
}

const SHORT: Size = Size {
    jobs: 5_000,
    calm: &[50],
    long: Duration::from_secs(3),
    backlog: 2_000,
    rate: 50,
    workers_die: 1,
    leaders_die: 0,
    fails_over: false,
};
const FULL: Size = Size {
    jobs: 100_000,
    calm: &[50, 200],
    long: Duration::from_secs(30),
    backlog: 40_000,
    rate: 100,
    workers_die: 20,
    leaders_die: 12,
    fails_over: true,
};

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let size = if run.options.short { SHORT } else { Size { jobs: run.rounds(FULL.jobs, 0), ..FULL } };
    // Who dies and what is measured is to be these workers alone.
    run.control(|stack| stack.stop("autoscaler")).await?;
    let audit = Audit::begin(&run.databases()?).await?;
    let feed = Feed::connect(&run.databases()?).await?;

    for rate in size.calm {
        speed::calm(&mut run, &feed, &audit, *rate, size.long).await?;
    }
    speed::relay(&mut run, &feed, size.backlog).await?;
    let phases = faults::all(&mut run, &feed, &size).await?;
    feed.fill_up(size.jobs).await?;

    worked_off(&run.databases()?, size.jobs).await?;
    let jobs = check::settled(&run.databases()?).await?;
    run.found(Found { checker: "jobs", violations: jobs });
    judge(&mut run, &feed, &audit, &phases).await?;
    audit.end().await?;
    run.control(|stack| stack.start("autoscaler")).await?;
    run.end().await
}

/// A backlog takes longer than jobs may be late.
async fn worked_off(databases: &Databases, jobs: usize) -> anyhow::Result<()> {
    let bound = Duration::from_mins(1) + Duration::from_secs(u64::try_from(jobs)? / SLOWEST);
    let waiting = "select 'jobs wait' where exists (select from jobs.jobs where bucket in (select bucket from sharding.held))";
    wait::until("the jobs are worked off", bound, Duration::from_secs(1), async || {
        Ok(databases.everywhere(waiting).await?.is_empty().then_some(()))
    })
    .await
}

/// What became of every job.
async fn judge(run: &mut Run, feed: &Feed, audit: &Audit, phases: &Phases) -> anyhow::Result<()> {
    let told = feed.told();
    let effects = audit.effects().await?;
    run.figure(Figure::shown("jobs of acknowledged transactions", count(told.acknowledged.len()), "count"));
    run.figure(Figure::shown("jobs of transactions without an answer", count(told.unknown.len()), "count"));
    for (what, pause) in phases.pauses(&effects) {
        run.figure(Figure::shown(format!("longest time in which no job took effect, as {what}"), pause, "s"));
    }
    run.found(Found { checker: "lost", violations: audit::lost(&told.acknowledged, &effects, &audit.told().await?) });
    run.found(Found { checker: "doubled", violations: audit::doubled(&effects) });
    run.found(Found { checker: "given up", violations: audit.given_up().await? });
    let notifications = check::notifications(&run.databases()?).await?;
    run.found(Found { checker: "notifications", violations: notifications });
    Ok(())
}
