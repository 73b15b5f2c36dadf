//! Every point of presence keeps to the origin's word of how long something lasts, and fetches anew what it is told to.

use std::{net::SocketAddr, time::Duration};

use anyhow::ensure;
use magnitude_load::report::Figure;
use tokio::time::Instant;

use super::scene::{Object, Scene};
use crate::{check::Found, load::count, run::Run, wait};

const SIZE: usize = 16 * 1024;
const LASTING: u32 = 2;
const BOUND: Duration = Duration::from_mins(1);
/// As long as a point of presence waits for its origin, and more than an object takes to expire and be fresh again.
const SOON: Duration = Duration::from_secs(5);
/// On a busy machine several objects may come and go before one is seen as long as it lasts.
const ATTEMPTS: usize = 10;

/// An object is served from the cache as long as it lasts, and each time that it is found expired the origin is asked once.
pub async fn expiry(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    scene.origin.shorten(Some(LASTING));
    let mut violations = Vec::new();
    for (name, point) in &scene.points {
        let mut lasted = false;
        for attempt in 0..ATTEMPTS {
            let object = scene.publish(&format!("expiry {name} {attempt}"), SIZE).await?;
            let begun = Instant::now();
            let said = life(scene, *point, &object).await?;
            let (asked, expired) = (scene.origin.asked(&object.path), said.iter().filter(|cache| *cache == "STALE").count());
            let kept = said.iter().skip(1).all(|cache| ["HIT", "STALE"].contains(&cache.as_str()));
            let right = said[0] == "MISS" && kept && asked == 1 + expired;
            lasted = right && said[1] == "HIT";
            if lasted {
                break;
            }
            if !right && begun.elapsed() < SOON {
                violations.push(format!("{name} said {said:?}, and asked {asked} times"));
            }
            scene.asks_again(&format!("{name} after {attempt}")).await?;
        }
        if !lasted {
            violations.push(format!("{name} kept none of {ATTEMPTS} objects for as long as it lasts"));
        }
    }
    scene.origin.shorten(None);
    run.fault("an object expires");
    run.found(Found { checker: "expiry", violations });
    Ok(())
}

/// What a point of presence says of an object from the first request until it has expired and is fresh again.
async fn life(scene: &Scene, point: SocketAddr, object: &Object) -> anyhow::Result<Vec<String>> {
    let mut said: Vec<String> = Vec::new();
    let fresh_again = async || {
        let cache = scene.look(point, &object.path, None).await?;
        let fresh = cache == "HIT" && said.iter().any(|said| said == "STALE");
        said.push(cache);
        Ok(fresh.then_some(()))
    };
    wait::until("it expires and is fresh again", BOUND, Duration::from_millis(20), fresh_again).await?;
    // Asked for so often, most is said many times. While it is asked for anew, others may meet the old copy.
    said.dedup_by(|next, cache| next == cache && next == "HIT");
    said.retain(|cache| cache != "UPDATING");
    Ok(said)
}

/// With the secret one URL is fetched anew, with another value it is not.
pub async fn refresh(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let (mut violations, mut refreshed) = (Vec::new(), 0);
    for (name, point) in &scene.points {
        let object: Object = scene.publish(&format!("refresh {name}"), SIZE).await?;
        scene.warm(*point, &object.path).await?;
        ensure!(scene.origin.asked(&object.path) == 1, "it was asked for more than once");
        for (secret, said, asked) in [(None, "HIT", 1), (Some("wrong"), "HIT", 1), (Some(&*scene.secret), "BYPASS", 2), (None, "HIT", 2)] {
            let cache = scene.look(*point, &object.path, secret).await?;
            if cache != said || scene.origin.asked(&object.path) != asked {
                violations.push(format!("{name} said {cache} where {said} was due, and asked {} times", scene.origin.asked(&object.path)));
            }
            refreshed += usize::from(cache == "BYPASS");
        }
    }
    run.fault("an object is refreshed");
    run.figure(Figure::shown("points of presence that fetched an object anew when told to", count(refreshed), "count"));
    run.found(Found { checker: "refresh", violations });
    Ok(())
}
