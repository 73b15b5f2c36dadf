//! Part of claim 10: workers come as soon as there is much to do, and go when it has been calm for a while.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use magnitude_ids::Bucket;
use magnitude_load::report::Figure;
use magnitude_stack::{Health, Kind};

use super::{PATIENCE, scene::Scene, told};
use crate::{
    check::Found,
    load::{count, id_of},
    run::{Options, Run},
    wait,
};

const NAME: &str = "burst";
const TITLE: &str = "workers come within seconds of a burst, and go after a calm minute";
const GROUP: &str = "social-worker";
const LOOK: Duration = Duration::from_millis(50);
/// How often a burst may be over before whoever decides has looked: on a busy machine that one may be late.
const ATTEMPTS: usize = 5;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    // Many more parts than one worker has places; in full, work for longer than it takes to see them come.
    let (followers, articles) = if run.options.short { (200_000, 1) } else { (500_000, run.rounds(4, 1)) };
    let scene = Scene::of(&run).await?;
    let author = scene.author().await?;
    scene.follow(author.id, followers, &Bucket::all().collect::<Vec<_>>()).await?;
    let before = settled(&run).await?;
    let mut published = Vec::new();
    let (begun, wanted) = loop {
        let (begun, first) = (Instant::now(), published.len());
        for number in first..first + articles {
            let (slug, _) = scene.publish(&author, number).await?;
            published.push(id_of(&slug).context("a slug without an id")?);
        }
        run.fault(&format!("{} parts of work at once", articles * followers / 5_000));
        let told = async {
            for article in &published[first..] {
                told::all(&scene.databases, author.id.bucket(), &scene.owners, *article).await?;
            }
            anyhow::Ok(())
        };
        tokio::select! {
            wanted = decided(&run, before) => break (begun, wanted?),
            // Whoever decides did not look as long as there was work.
            told = told => told?,
        }
        ensure!(published.len() < ATTEMPTS * articles, "all was done {ATTEMPTS} times without more workers");
    };
    run.figure(Figure::at_most("from the burst to the decision", begun.elapsed().as_secs_f64(), "s", 5.0));
    ready(&run, before, wanted).await?;
    run.figure(Figure::shown("from the burst to the last worker being ready", begun.elapsed().as_secs_f64(), "s"));
    run.figure(Figure::shown("workers before", count(before), "count"));
    run.figure(Figure::shown("workers in the burst", count(wanted), "count"));
    let mut violations = Vec::new();
    for article in published {
        told::all(&scene.databases, author.id.bucket(), &scene.owners, article).await?;
        violations.extend(told::once(&scene.databases, article, followers).await?);
    }
    run.figure(Figure::shown("from the burst to all being told", begun.elapsed().as_secs_f64(), "s"));
    if !run.options.short {
        let calm = Instant::now();
        gone(&run, before).await?;
        run.figure(Figure::shown("from the last job to as many workers as before", calm.elapsed().as_secs_f64(), "s"));
    }
    run.found(Found { checker: "told once", violations });
    run.end().await
}

/// How many workers there are while nothing is to be done.
async fn settled(run: &Run) -> anyhow::Result<usize> {
    wait::until("a calm moment", PATIENCE, wait::STEP, async || {
        let scaled = scaled(run).await?;
        Ok((scaled.workers == 1 && scaled.wanted == 1 && scaled.due == 0.0).then_some(1))
    })
    .await
}

/// How many workers are wanted, once they are more.
async fn decided(run: &Run, before: usize) -> anyhow::Result<usize> {
    wait::until("more workers are wanted", PATIENCE, LOOK, async || {
        Ok(Some(usize::from(scaled(run).await?.wanted)).filter(|wanted| *wanted > before))
    })
    .await
}

/// Waits for all of them, or as many as are wanted yet: where they are slow to start, some may be sent away before.
async fn ready(run: &Run, before: usize, wanted: usize) -> anyhow::Result<()> {
    wait::until("the workers are ready", Duration::from_mins(2), LOOK, async || {
        let wanted = wanted.min(usize::from(scaled(run).await?.wanted)).max(before + 1);
        let ready = run.control(|stack| {
            let nodes = stack.nodes().into_iter().filter(|node| node.kind == Kind::Worker && node.group == GROUP);
            Ok(nodes.filter(|node| stack.health(node) == Health::Ready).count())
        });
        Ok((ready.await? >= wanted).then_some(()))
    })
    .await
}

async fn gone(run: &Run, before: usize) -> anyhow::Result<()> {
    wait::until("the workers go", Duration::from_mins(5), wait::STEP, async || {
        let workers = run.control(|stack| Ok(stack.select(GROUP)?.len())).await?;
        ensure!(workers >= before, "too many have gone");
        Ok((workers == before).then_some(()))
    })
    .await
}

async fn scaled(run: &Run) -> anyhow::Result<magnitude_stack::Scaled> {
    run.control(|stack| stack.scaled().remove(GROUP).context("the stack has no autoscaler")).await
}
