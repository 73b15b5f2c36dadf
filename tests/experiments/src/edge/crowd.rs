//! Many ask at once for what no point of presence has.

use std::{net::SocketAddr, time::Duration};

use anyhow::{bail, ensure};
use futures_util::future::try_join_all;
use magnitude_edge::Mood;
use magnitude_load::{raw::Raw, report::Figure};
use tokio::{sync::Barrier, time::Instant};

use super::scene::{Object, SOON, Scene};
use crate::{
    load::{Latencies, count, millis},
    run::Run,
    wait,
};

const CLIENTS: usize = 1_000;
const SIZE: usize = 64 * 1024;
const ASKED: Duration = Duration::from_mins(1);
/// A busy machine may need several attempts before all of a crowd ask in time.
const ATTEMPTS: usize = 10;

/// 1 000 clients of each point of presence, then as many of all by the address in front.
pub async fn run(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let (mut most, mut together, mut waits) = (0, 0, Vec::new());
    for round in 0..run.rounds(10, 2) {
        for (name, point) in &scene.points {
            let (asked, waited) = crowd(run, scene, *point, &format!("cold {round} {name}"), 1).await?;
            most = most.max(asked);
            waits.extend(waited);
        }
        let (asked, waited) = crowd(run, scene, scene.edge, &format!("cold {round}"), scene.points.len()).await?;
        together = together.max(asked);
        waits.extend(waited);
        run.fault(&format!("{CLIENTS} clients ask for a cold object: {together} requests at the origin"));
    }
    let points = scene.points.len();
    run.figure(Figure::at_most("requests for a cold object of 1 000 clients, most a point of presence", count(most), "count", 1.0));
    run.figure(Figure::at_most(format!("the same by the address in front of {points}, most"), count(together), "count", count(points)));
    for (found, bound) in [(most, 1), (together, points)] {
        if found == 0 || found > bound {
            run.violated(&format!("{found} requests at the origin for one cold object, not up to {bound}"));
        }
    }
    let waits = Latencies::of(waits.into_iter());
    run.figure(Figure::shown("p50 of waiting for a cold object once it is there", millis(waits.percentile(0.5)), "ms"));
    run.figure(Figure::shown("p99 of waiting for a cold object once it is there", millis(waits.percentile(0.99)), "ms"));
    Ok(())
}

/// How often the origin was asked for an object that nobody has yet, and how long each of a crowd waited for it. An attempt that was too
/// slow says nothing: a point of presence that has waited for too long asks again, or says that there is no origin.
async fn crowd(run: &Run, scene: &Scene, address: SocketAddr, name: &str, bound: usize) -> anyhow::Result<(usize, Vec<Duration>)> {
    for attempt in 0..ATTEMPTS {
        let object = scene.publish(&format!("{name} {attempt}"), SIZE).await?;
        let begun = Instant::now();
        let waited = all_at_once(scene, address, &object).await;
        scene.origin.feel(Mood::Well);
        let (took, asked) = (begun.elapsed(), scene.origin.asked(&object.path));
        match waited {
            Ok(waited) if asked <= bound || took < SOON => return Ok((asked, waited)),
            Err(error) if took < SOON => return Err(error),
            _ => run.tell(&format!("{CLIENTS} clients took {took:.1?} to ask for {name}: once more")),
        }
        scene.asks_again(&format!("{name} after {attempt}")).await?;
    }
    bail!("{CLIENTS} clients never asked in time for {name}")
}

/// All have asked before the origin answers; how long each waited from then on.
async fn all_at_once(scene: &Scene, address: SocketAddr, object: &Object) -> anyhow::Result<Vec<Duration>> {
    // Connected before, so that the origin is silent for no longer than it takes to ask.
    let lines = try_join_all((0..CLIENTS).map(|_| Raw::connect(address))).await?;
    scene.origin.feel(Mood::Silent);
    let all = Barrier::new(CLIENTS + 1);
    let clients = lines.into_iter().map(async |mut raw| {
        raw.send(&object.path).await?;
        all.wait().await;
        let begun = Instant::now();
        let got = raw.receive().await?;
        ensure!(got.status == 200 && got.body == object.content, "{} and {} bytes", got.status, got.body.len());
        anyhow::Ok(begun.elapsed())
    });
    let answer = async {
        all.wait().await;
        let asked = async || Ok((scene.origin.asked(&object.path) > 0).then_some(()));
        wait::until("the origin is asked", ASKED, Duration::from_millis(5), asked).await?;
        scene.origin.feel(Mood::Well);
        anyhow::Ok(())
    };
    let (waits, ()) = tokio::try_join!(try_join_all(clients), answer)?;
    Ok(waits)
}
