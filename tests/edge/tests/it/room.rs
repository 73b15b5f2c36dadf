use std::path::Path;

use magnitude_edge::{Origin, Point};
use magnitude_stack::EdgeLimits;

use crate::scene::{Scene, eventually};

const OBJECT: usize = 64 * 1024;

async fn scene(limits: EdgeLimits) -> Scene {
    let origin = Origin::start().expect("an origin");
    let point = Point::with(origin.address(), limits).await.expect("a point of presence");
    Scene { origin, point }
}

#[tokio::test]
async fn what_is_used_rarely_leaves_when_room_is_wanted() {
    let scene = scene(EdgeLimits { objects_size: "1m".into(), ..EdgeLimits::default() }).await;
    let popular = scene.object(&vec![7; OBJECT]);
    let rare: Vec<String> = (0..48).map(|number| scene.object(&vec![100 + number; OBJECT])).collect();
    for path in &rare {
        scene.get(&popular).await;
        scene.get(path).await;
    }
    assert!(scene.origin.asked_at_all() > rare.len(), "all were fetched");

    eventually("it keeps no more than it may", async || scene.point.kept() <= 1024 * 1024).await;

    assert_eq!(scene.get(&popular).await.cache(), "HIT");
    assert_eq!(scene.origin.asked(&popular), 1, "what all ask for never left");
    assert_eq!(scene.get(&rare[0]).await.cache(), "MISS");
}

#[tokio::test]
async fn what_nobody_asks_for_leaves() {
    let scene = scene(EdgeLimits { objects_inactive: "1s".into(), ..EdgeLimits::default() }).await;
    let object = scene.object(&vec![7; OBJECT]);
    let kept = async || {
        scene.get(&object).await;
        scene.point.kept() > 0
    };
    eventually("it is kept", kept).await;

    eventually("it is forgotten", async || scene.point.kept() == 0).await;

    assert_eq!(scene.get(&object).await.cache(), "MISS");
}

/// Longer than an origin may be away without anybody noticing: see `inactive` in the configuration.
#[test]
fn ten_minutes_without_an_origin_empty_no_cache() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/edge/nginx.conf");
    let config = std::fs::read_to_string(config).expect("it is there");
    let times: Vec<_> = config.split("inactive=").skip(1).filter_map(|rest| rest.split([';', ' ']).next()).collect();
    assert_eq!(times, ["60s", "{{objects_inactive}}", "1h"], "the first is of open files, the last of pages");
    assert_eq!(EdgeLimits::default().objects_inactive, "7d");
}
