//! Every point of presence keeps to the origin's word of how long something lasts, and fetches anew what it is told to.

use std::time::Duration;

use anyhow::ensure;
use magnitude_load::report::Figure;

use super::scene::{Object, Scene};
use crate::{check::Found, load::count, run::Run, wait};

const SIZE: usize = 16 * 1024;
const LASTING: u32 = 2;
const BOUND: Duration = Duration::from_secs(20);

/// An object is served from the cache as long as it lasts, and then the origin is asked once.
pub async fn expiry(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    scene.origin.shorten(Some(LASTING));
    let mut violations = Vec::new();
    for (name, point) in &scene.points {
        let object = scene.publish(&format!("expiry {name}"), SIZE).await?;
        let mut said = vec![scene.look(*point, &object.path, None).await?];
        let fresh_again = async || {
            let cache = scene.look(*point, &object.path, None).await?;
            if said.last() != Some(&cache) {
                said.push(cache);
            }
            Ok((said.len() > 2 && said.last().is_some_and(|last| last == "HIT")).then_some(()))
        };
        wait::until("it expires and is fresh again", BOUND, Duration::from_millis(20), fresh_again).await?;
        // While it is asked for anew, others may meet the old copy.
        said.retain(|cache| cache != "UPDATING");
        if said != ["MISS", "HIT", "STALE", "HIT"] || scene.origin.asked(&object.path) != 2 {
            violations.push(format!("{name} said {said:?}, and asked {} times", scene.origin.asked(&object.path)));
        }
    }
    scene.origin.shorten(None);
    run.fault("an object expires");
    run.found(Found { checker: "expiry", violations });
    Ok(())
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
