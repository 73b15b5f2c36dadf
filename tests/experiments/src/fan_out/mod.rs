//! Part of claim 10: an author with a million followers publishes as fast as one with none, and every follower is told once.

pub mod burst;
mod raw;
mod scene;
mod told;

use std::time::{Duration, Instant};

use anyhow::Context;
use magnitude_ids::Bucket;
use magnitude_load::report::{Figure, median};

use crate::{
    check::{self, Found},
    load::{Latencies, count, id_of, millis},
    run::{Options, Run},
};
use raw::Raw;
use scene::Scene;

const NAME: &str = "fan-out";
const TITLE: &str = "an author with a million followers publishes as fast as one with none, and each follower is told once";
/// How long a million may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

struct Size {
    followers: usize,
    published: usize,
    rounds: usize,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let size = if run.options.short {
        Size { followers: 10_000, published: 20, rounds: run.rounds(1, 1) }
    } else {
        Size { followers: 1_000_000, published: 200, rounds: run.rounds(3, 1) }
    };
    let scene = Scene::of(&run).await?;
    publishing(&mut run, &scene, &size).await?;
    telling(&mut run, &scene, &size).await?;
    run.end().await
}

/// Both publish in turn while nobody is told yet: what is compared is what the author waits for.
async fn publishing(run: &mut Run, scene: &Scene, size: &Size) -> anyhow::Result<()> {
    let (known, unknown) = (scene.author().await?, scene.author().await?);
    scene.follow(known.id, size.followers, &Bucket::all().collect::<Vec<_>>()).await?;
    run.fault(&format!("{} follow the author", size.followers));
    run.control(|stack| stack.jobs("social", &["pause".into(), "default".into()])).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..size.published {
        theirs.push(scene.publish(&unknown, number).await?.1);
        ours.push(scene.publish(&known, number).await?.1);
    }
    scene.take_back(&known, size.published).await?;
    run.control(|stack| stack.jobs("social", &["resume".into(), "default".into()])).await?;
    let [ours, theirs] = [ours, theirs].map(|took| Latencies::of(took.into_iter()));
    let ratio = |share| ours.percentile(share).as_secs_f64() / theirs.percentile(share).as_secs_f64();
    run.figure(Figure::at_most("publishing with a million followers beside none, p99", ratio(0.99), "ratio", 2.0));
    run.figure(Figure::shown("the same, median", ratio(0.5), "ratio"));
    run.figure(Figure::shown("publishing with a million followers, p99", millis(ours.percentile(0.99)), "ms"));
    Ok(())
}

/// Followers of one shard are told, and the same rows are written by plain SQL beside it, in turn.
async fn telling(run: &mut Run, scene: &Scene, size: &Size) -> anyhow::Result<()> {
    let homes = scene.owners.owned("social", 0);
    let author = scene.author().await?;
    scene.follow(author.id, size.followers, &homes).await?;
    let mut raw = Raw::of(&scene.databases, &scene.owners, author.id).await?;
    let (mut rates, mut raw_rates, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..size.rounds {
        raw_rates.push(raw.write(round, size.followers).await?);
        let (slug, _) = scene.publish(&author, round).await?;
        let article = id_of(&slug).context("a slug without an id")?;
        let begun = Instant::now();
        told::all(&scene.databases, author.id.bucket(), &scene.owners, article).await?;
        rates.push(count(size.followers) / begun.elapsed().as_secs_f64());
        run.tell(&format!("{:.0} rows a second, {:.0} by plain SQL", rates[round], raw_rates[round]));
        found.extend(told::once(&scene.databases, article, size.followers).await?);
    }
    found.extend(check::notifications(&scene.databases).await?);
    let ratio = median(rates.iter().zip(&raw_rates).map(|(ours, raw)| ours / raw).collect());
    run.figure(Figure::at_least("notification rows into one shard", median(rates), "1/s", 20_000.0));
    run.figure(Figure::shown("the same beside plain SQL on one connection", ratio, "ratio"));
    run.found(Found { checker: "told once", violations: found });
    Ok(())
}
