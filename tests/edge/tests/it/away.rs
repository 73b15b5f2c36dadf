use magnitude_edge::{Mood, Thing};

use crate::scene::Scene;

/// Asked for often enough to be kept, with a second to live.
async fn warm(scene: &Scene) -> Vec<String> {
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("it").lasting(1));
    scene.origin.put("/assets/app-1.css", Thing::of("it").lasting(1));
    scene.origin.put("/config.json", Thing::of("it").lasting(1));
    scene.origin.put("/", Thing::of("it").with("cache-control", "no-cache"));
    let paths = vec![object, "/assets/app-1.css".to_owned(), "/config.json".to_owned(), "/".to_owned()];
    for path in &paths {
        scene.get_until(path, "it is kept", |answer| answer.cache() == "HIT").await;
    }
    paths
}

async fn stale_is_served(scene: &Scene, paths: &[String]) {
    for path in paths {
        let expired = scene.expired(path).await;
        assert_eq!((expired.status, expired.text().as_str()), (200, "it"), "{path}");
        for _ in 0..5 {
            let stale = scene.get(path).await;
            assert_eq!((stale.status, stale.text().as_str()), (200, "it"), "{path}");
            assert!(["STALE", "UPDATING"].contains(&stale.cache()), "{path}: {}", stale.cache());
        }
    }
}

async fn fresh_again(scene: &Scene, paths: &[String]) {
    for path in paths {
        scene.origin.put(path, Thing::of("new").with("cache-control", if path == "/" { "no-cache" } else { "public, max-age=1" }));
        scene.get_until(path, "the new one comes", |answer| answer.text() == "new").await;
    }
}

#[tokio::test]
async fn without_its_origin_it_serves_what_it_has() {
    let scene = Scene::new().await;
    let paths = warm(&scene).await;

    scene.origin.leave().await;

    stale_is_served(&scene, &paths).await;
    let cold = scene.get(&crate::scene::path(b"nobody asked for this yet")).await;
    assert_eq!((cold.status, cold.header("retry-after")), (503, Some("1")));
    assert_eq!(cold.text(), r#"{"errors":{"server":["is unavailable, try again"]}}"#);
    scene.origin.come_back().expect("it listens again");
    fresh_again(&scene, &paths).await;
}

#[tokio::test]
async fn with_an_origin_that_fails_it_serves_what_it_has() {
    let scene = Scene::new().await;
    let paths = warm(&scene).await;

    scene.origin.feel(Mood::Failing);

    stale_is_served(&scene, &paths).await;
    scene.origin.feel(Mood::Well);
    fresh_again(&scene, &paths).await;
}

#[tokio::test]
async fn with_an_origin_that_keeps_silent_it_serves_what_it_has() {
    let scene = Scene::new().await;
    let paths = warm(&scene).await;

    scene.origin.feel(Mood::Silent);

    stale_is_served(&scene, &paths).await;
    scene.origin.feel(Mood::Well);
    fresh_again(&scene, &paths).await;
}

/// Else each would wait for as long as an origin may take.
#[tokio::test]
async fn a_silent_origin_is_soon_asked_nothing_more() {
    let scene = Scene::new().await;
    scene.origin.feel(Mood::Silent);
    let cold = |number: usize| crate::scene::path(format!("cold {number}").as_bytes());

    let (mut number, mut left_alone) = (0, false);
    while !left_alone {
        assert!(number < 18, "it goes on asking: {number} times");
        let [one, two, next] = [number, number + 1, number + 2].map(cold);
        // At once, since either of the two places where it is asked is left alone for no longer than it takes to ask at the other.
        let (one, two) = tokio::join!(scene.get(&one), scene.get(&two));
        let asked = scene.origin.asked_at_all();
        let next = scene.get(&next).await;
        assert_eq!([one.status, two.status, next.status], [503; 3]);
        left_alone = scene.origin.asked_at_all() == asked;
        number += 3;
    }

    assert!(scene.origin.asked_at_all() >= 1);
    scene.origin.feel(Mood::Well);
    let object = scene.object(b"an image");
    scene.get_until(&object, "it is asked again", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn an_error_is_not_kept_and_replaces_nothing() {
    let scene = Scene::new().await;
    // What is fetched anew behind the answer, and before it.
    for path in [scene.object(b"an image"), "/config.json".to_owned()] {
        scene.origin.put(&path, Thing::of("it").lasting(1));
        scene.get(&path).await;
        for status in [500, 502, 503, 504] {
            scene.origin.put(&path, Thing::of("broken").failing(status).lasting(60));
            scene.expired(&path).await;
            for _ in 0..3 {
                let answer = scene.get(&path).await;
                assert_eq!((answer.status, answer.text().as_str()), (200, "it"), "{path}: {status}");
            }
        }
    }
}
