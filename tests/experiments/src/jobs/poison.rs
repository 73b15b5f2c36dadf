//! Claim 11: jobs that can never succeed are parked after exactly their tries, or at once if nobody could run them, and the others do not notice.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Job, JobError, Options as JobOptions};
use magnitude_load::report::Figure;
use magnitude_social::jobs::NotifyFollowed;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SERVICE, audit, audit::Audit, feed::Feed, speed};
use crate::{
    check::{self, Found},
    databases::Databases,
    load::{Latencies, count, millis},
    run::{Options, Run},
    wait,
};

const NAME: &str = "poison";
const TITLE: &str = "jobs that cannot succeed are parked after their tries, and the others do not notice";
const TRIES: i32 = 3;
/// Far longer than two delays of 2 and 4 s, a quarter more at most, and the tries themselves.
const PATIENCE: Duration = Duration::from_mins(2);
/// Of a round: one that fails each time, and four of which payload, kind, version or size is bad.
const POISON: usize = 5;
/// A payload of so much text is larger than workers read.
const LARGEST: usize = 1 << 20;

/// Rows as a newer or a broken release would write them.
macro_rules! odd {
    ($name:ident, $kind:literal, $version:literal, $field:ident) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            $field: String,
        }

        impl Job for $name {
            type State = ();
            const KIND: &'static str = $kind;
            const VERSION: i32 = $version;

            async fn run(&self, (): &(), _: &magnitude_jobs::Context) -> Result<(), JobError> {
                Ok(())
            }
        }
    };
}

odd!(Undecodable, "NotifyFollowed", 1, whom);
odd!(Unknown, "NotifyNobody", 1, whom);
odd!(Newer, "NotifyFollowed", 99, whom);

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let (rate, long) = if run.options.short { (50, Duration::from_secs(4)) } else { (200, Duration::from_secs(20)) };
    run.control(|stack| stack.stop("autoscaler")).await?;
    let databases = run.databases()?;
    let audit = Audit::begin(&databases).await?;
    let feed = Feed::connect(&databases).await?;
    let (mut without, mut beside, mut poisoned) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..run.rounds(5, 1) {
        without.extend(speed::steady(&feed, rate, long).await);
        // Neither inherits what the other left to do.
        check::settled(&databases).await?;
        run.fault("five jobs that cannot succeed");
        poisoned.extend(poison(&feed, &audit).await?);
        beside.extend(speed::steady(&feed, rate, long).await);
        check::settled(&databases).await?;
    }
    parked(&databases, &poisoned).await?;
    run.found(Found { checker: "jobs", violations: check::settled(&databases).await? });
    let [without, beside] = [speed::delays(&audit, &without).await?, speed::delays(&audit, &beside).await?];
    figures(&mut run, &without, &beside);
    judge(&mut run, &feed, &audit, &poisoned).await?;
    audit.end().await?;
    run.control(|stack| stack.jobs(SERVICE, &["dead", "drop", "--all"].map(str::to_owned))).await?;
    run.control(|stack| stack.start("autoscaler")).await?;
    run.end().await
}

/// One that the database refuses each time, and four that nobody can run; their ids.
async fn poison(feed: &Feed, audit: &Audit) -> anyhow::Result<Vec<Uuid>> {
    let [refused, reader] = [(); 2].map(|()| Id::new(Bucket::random(), SystemTime::now()));
    audit.refuse(refused.as_i64()).await?;
    let (bucket, options) = (reader.bucket(), JobOptions { max_tries: TRIES, ..JobOptions::default() });
    let text = |length| "x".repeat(length);
    let unreadable = [text(1), text(LARGEST)].map(|whom| (Undecodable { whom }, options.clone()));
    let mut ids = feed.commit(bucket, &[(NotifyFollowed { follower: refused, followee: reader }, options.clone())]).await?;
    ids.extend(feed.commit(bucket, &unreadable).await?);
    ids.extend(feed.commit(bucket, &[(Unknown { whom: text(1) }, options.clone())]).await?);
    ids.extend(feed.commit(bucket, &[(Newer { whom: text(1) }, options)]).await.context("the shards take no jobs")?);
    Ok(ids)
}

async fn parked(databases: &Databases, jobs: &[Uuid]) -> anyhow::Result<()> {
    let all = async || Ok((dead(databases, jobs).await?.len() == jobs.len()).then_some(()));
    wait::until("the jobs are parked", PATIENCE, wait::STEP, all).await
}

/// Attempts and reason of each of these that is parked.
async fn dead(databases: &Databases, jobs: &[Uuid]) -> anyhow::Result<Vec<(i32, String)>> {
    let mut all = Vec::new();
    for shard in 0..databases.shards().len() {
        let dead = "select attempt, reason from jobs.dead where id = any($1) and bucket in (select bucket from sharding.held)";
        let mut primary = databases.primary(shard, SERVICE).await?;
        all.extend(sqlx::query_as(dead).bind(jobs).fetch_all(&mut primary).await?);
    }
    Ok(all)
}

fn figures(run: &mut Run, without: &Latencies, beside: &Latencies) {
    let delay = millis(beside.percentile(0.99)) - millis(without.percentile(0.99));
    run.figure(Figure::at_most("what poison adds to the others' delay, p99", delay, "ms", 100.0));
    run.figure(Figure::shown("others' delay without poison, p99", millis(without.percentile(0.99)), "ms"));
    run.figure(Figure::shown("others' delay beside poison, p99", millis(beside.percentile(0.99)), "ms"));
    run.figure(Figure::shown("others", count(without.count() + beside.count()), "count"));
}

async fn judge(run: &mut Run, feed: &Feed, audit: &Audit, poisoned: &[Uuid]) -> anyhow::Result<()> {
    let (dead, tries, rounds) = (dead(&run.databases()?, poisoned).await?, audit.refused().await?, poisoned.len() / POISON);
    let wanted = i64::from(TRIES) * i64::try_from(rounds)?;
    let mut wrong = Vec::new();
    if tries != wanted {
        wrong.push(format!("{tries} tries instead of {wanted}"));
    }
    let why = [("poison", TRIES - 1), ("missing field", 0), ("larger than", 0), ("knows no job", 0), ("newer than", 0)];
    for (reason, attempt) in why {
        let found = dead.iter().filter(|(tried, said)| *tried == attempt && said.contains(reason)).count();
        if found != rounds {
            wrong.push(format!(
                "{found} of {rounds} are parked after {attempt} failed tries before the last because of {reason:?}: {dead:?}"
            ));
        }
    }
    run.found(Found { checker: "poison", violations: wrong });
    let effects = audit.effects().await?;
    run.found(Found { checker: "lost", violations: audit::lost(&feed.told().acknowledged, &effects, &audit.told().await?) });
    run.found(Found { checker: "doubled", violations: audit::doubled(&effects) });
    Ok(())
}
