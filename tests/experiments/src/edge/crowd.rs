//! Many ask at once for what no point of presence has.

use std::{net::SocketAddr, time::Duration};

use anyhow::ensure;
use futures_util::future::try_join_all;
use magnitude_edge::Mood;
use magnitude_load::{raw::Raw, report::Figure};
use tokio::{sync::Barrier, time::Instant};

use super::scene::{Object, Scene};
use crate::{
    load::{Latencies, count, millis},
    run::Run,
    wait,
};

const CLIENTS: usize = 1_000;
const SIZE: usize = 64 * 1024;
const ASKED: Duration = Duration::from_secs(20);

/// 1 000 clients of each point of presence, then as many of all by the address in front.
pub async fn run(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let (mut most, mut together, mut waits) = (0, 0, Vec::new());
    for round in 0..run.rounds(10, 2) {
        for (name, point) in &scene.points {
            let object = scene.publish(&format!("cold {round} {name}"), SIZE).await?;
            waits.extend(crowd(scene, *point, &object).await?);
            most = most.max(scene.origin.asked(&object.path));
        }
        let object = scene.publish(&format!("cold {round}"), SIZE).await?;
        waits.extend(crowd(scene, scene.edge, &object).await?);
        together = together.max(scene.origin.asked(&object.path));
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

/// All have asked before the origin answers; how long each waited from then on.
async fn crowd(scene: &Scene, address: SocketAddr, object: &Object) -> anyhow::Result<Vec<Duration>> {
    scene.origin.feel(Mood::Silent);
    let all = Barrier::new(CLIENTS + 1);
    let clients = (0..CLIENTS).map(async |_| {
        let mut raw = Raw::connect(address).await?;
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
