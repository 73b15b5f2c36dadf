//! Claim 9: the edge answers nearly everything by itself, asks its origin once for what many want, and lives without it.

mod away;
mod crowd;
mod disk;
mod readers;
mod scene;
mod word;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use magnitude_load::report::Figure;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::{
    check::Found,
    load::{count, millis},
    run::{Options, Run},
};
use readers::{Popularity, Readers, Seen};
use scene::Scene;

const NAME: &str = "edge";
const TITLE: &str = "points of presence answer nearly all by themselves, ask once for what many want, and live without their origin";
const READERS: usize = 16;
/// Each object is fetched once by each point of presence: with fewer requests an object the misses alone would be more than a percent.
const REQUESTS_AN_OBJECT: usize = 250;
/// How often the readers begin anew where the origin was too slow: what a point of presence says then is not about itself.
const ATTEMPTS: usize = 5;

/// What the readers got, and how often the origin was asked for it.
struct Read {
    seen: Seen,
    took: Duration,
    asked: usize,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let scene = Scene::prepare(&run).await?;
    let measured = async {
        zipf(&mut run, &scene).await?;
        crowd::run(&mut run, &scene).await?;
        word::expiry(&mut run, &scene).await?;
        word::refresh(&mut run, &scene).await?;
        away::point(&mut run, &scene).await?;
        away::origin(&mut run, &scene).await?;
        disk::compare(&mut run, &scene).await
    };
    let measured = measured.await;
    scene.restore(&run).await?;
    measured?;
    run.end().await
}

/// Readers of a few thousand objects, from empty caches on.
async fn zipf(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let mut got = read(run, scene, 0).await?;
    for attempt in 1..ATTEMPTS {
        if got.seen.late == 0 {
            break;
        }
        run.tell(&format!("the origin was too slow for {} answers: once more", got.seen.late));
        scene.asks_again(&format!("zipf after {attempt}")).await?;
        got = read(run, scene, attempt).await?;
    }
    let Read { seen, took, asked } = got;
    let rate = count(seen.all()) / took.as_secs_f64();
    let hits = 100.0 * count(seen.of(&["HIT"])) / count(seen.all());
    run.figure(Figure::at_least("hits of a Zipf load, from empty caches on", hits, "%", 99.0));
    run.figure(Figure::shown("requests of it at the origin", count(asked), "count"));
    run.figure(Figure::shown("rate of it, through the load balancer", rate, "1/s"));
    run.figure(Figure::shown("p99 of it", millis(seen.latencies().percentile(0.99)), "ms"));
    run.found(Found { checker: "answers lost of the Zipf load", violations: seen.lost() });
    Ok(())
}

async fn read(run: &Run, scene: &Scene, attempt: usize) -> anyhow::Result<Read> {
    let objects = if run.options.short { 250 } else { 2_500 };
    let mut random = SmallRng::seed_from_u64(run.seed);
    let sizes: Vec<usize> = (0..objects).map(|_| random.random_range(2_000..64_000)).collect();
    let publish = |(number, size): (usize, usize)| async move { scene.publish(&format!("zipf {attempt} {number}"), size).await };
    let objects: Vec<_> = stream::iter(sizes.into_iter().enumerate()).map(publish).buffered(8).try_collect().await?;
    let (before, requests) = (scene.origin.asked_at_all(), objects.len() * REQUESTS_AN_OBJECT);
    let what = Popularity::zipf(objects);
    run.tell(&format!("{READERS} readers ask {requests} times for {} objects that nobody has yet", what.objects().len()));
    let begun = Instant::now();
    let readers = Readers::start(scene.edge, &what, READERS, requests / READERS, Duration::ZERO, run.seed);
    let seen = readers.ended().await;
    Ok(Read { seen, took: begun.elapsed(), asked: scene.origin.asked_at_all() - before })
}
