//! What readers notice while the origin, or a point of presence, is away.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use magnitude_edge::Mood;
use magnitude_load::report::Figure;
use tokio::time::{Instant, sleep};

use super::{
    readers::{Popularity, Readers, Seen},
    scene::{Object, Scene},
};
use crate::{
    check::Found,
    load::{count, millis},
    run::Run,
    wait,
};

const OBJECTS: usize = 200;
const SIZE: usize = 16 * 1024;
const READERS: usize = 8;
const PAUSE: Duration = Duration::from_millis(2);
/// Objects of the media service last for a year: here they expire while the origin is away.
const LASTING: u32 = 5;
const BACK: Duration = Duration::from_mins(2);

/// The origin keeps silent, then is gone, then fails, a third of the time each, and everything that is asked for has expired. How long each
/// lasts is the claim: no state is waited for.
pub async fn origin(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let away = Duration::from_secs(if run.options.short { 24 } else { 600 });
    scene.origin.shorten(Some(LASTING));
    let what = warm(scene, "away").await?;
    let readers = Readers::start(scene.edge, &what, READERS, usize::MAX, PAUSE, run.seed);
    run.fault("the origin keeps silent");
    scene.origin.feel(Mood::Silent);
    sleep(away / 3).await;
    run.fault("the origin is gone");
    scene.origin.leave().await;
    scene.origin.feel(Mood::Failing);
    sleep(away / 3).await;
    run.fault("the origin answers with 503");
    scene.origin.come_back()?;
    sleep(away / 3).await;
    let seen = readers.stop().await;
    let back = Instant::now();
    scene.origin.feel(Mood::Well);
    fresh(scene, &what).await?;
    run.figure(Figure::shown("from the origin's return to fresh answers of every point of presence", back.elapsed().as_secs_f64(), "s"));
    scene.origin.shorten(None);
    run.figure(Figure::shown("without an origin", away.as_secs_f64(), "s"));
    run.figure(Figure::shown("answers without an origin", count(seen.all()), "count"));
    let stale = seen.of(&["STALE", "UPDATING"]);
    run.figure(Figure::shown("of them stale", count(stale), "count"));
    if stale == 0 {
        run.violated("nothing expired while the origin was away: that proves nothing");
    }
    found(run, "answers lost without an origin", seen);
    Ok(())
}

/// One point of presence is killed and one freezes.
pub async fn point(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let time = Duration::from_secs(if run.options.short { 10 } else { 15 });
    let what = warm(scene, "point").await?;
    let (first, last) = (scene.points.first().context("no point of presence")?.0.clone(), scene.points.last().context("none")?.0.clone());
    let mut all = Vec::new();
    for _ in 0..run.rounds(5, 1) {
        let readers = Readers::start(scene.edge, &what, READERS, usize::MAX, PAUSE, run.seed);
        run.fault(&format!("{first} is killed"));
        let killed = first.clone();
        run.control(move |stack| stack.kill(&killed)).await?;
        sleep(time).await;
        let started = first.clone();
        run.control(move |stack| stack.start(&started)).await?;
        run.fault(&format!("{last} is frozen"));
        let frozen = last.clone();
        run.control(move |stack| stack.pause(&frozen)).await?;
        sleep(time).await;
        let frozen = last.clone();
        run.control(move |stack| stack.resume(&frozen)).await?;
        all.push(readers.stop().await);
    }
    let mut seen = Seen::default();
    for part in all {
        seen.failures.extend(part.failures);
        seen.cut += part.cut;
        seen.waits.extend(part.waits);
    }
    run.figure(Figure::shown("answers while points of presence died and froze", count(seen.waits.len()), "count"));
    // What is on its way through a node that is killed has begun to go out.
    let cut = std::mem::take(&mut seen.cut);
    run.figure(Figure::shown("of them ended in the middle, and were whole when asked for again", count(cut), "count"));
    found(run, "answers lost with a point of presence", seen);
    Ok(())
}

fn found(run: &mut Run, checker: &'static str, seen: Seen) {
    let latencies = seen.latencies();
    run.figure(Figure::shown(format!("{checker}: p99 of all"), millis(latencies.percentile(0.99)), "ms"));
    run.figure(Figure::shown(format!("{checker}: the longest wait"), millis(latencies.worst()), "ms"));
    run.found(Found { checker, violations: seen.lost() });
}

/// Objects, the page and its settings, kept by every point of presence.
async fn warm(scene: &Scene, name: &str) -> anyhow::Result<Arc<Popularity>> {
    let mut objects = Vec::new();
    for path in ["/config.json", "/"] {
        for (_, point) in &scene.points {
            scene.warm(*point, path).await?;
        }
        let answer = magnitude_edge::ask(scene.edge, "GET", path, &[]).await?;
        objects.push(Object { path: path.to_owned(), content: answer.body });
    }
    for number in 0..OBJECTS {
        let object = scene.publish(&format!("{name} {number}"), SIZE).await?;
        for (_, point) in &scene.points {
            scene.look(*point, &object.path, None).await?;
        }
        objects.push(object);
    }
    Ok(Popularity::zipf(objects))
}

/// Asks until no point of presence answers with an old copy any more.
async fn fresh(scene: &Scene, what: &Popularity) -> anyhow::Result<()> {
    for (_, point) in &scene.points {
        for object in what.objects() {
            let fresh = async || Ok((!["STALE", "UPDATING"].contains(&&*scene.look(*point, &object.path, None).await?)).then_some(()));
            wait::until("a fresh answer", BACK, Duration::from_millis(20), fresh).await?;
        }
    }
    Ok(())
}
