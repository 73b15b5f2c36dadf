use magnitude_edge::{SECRET, Thing};

use crate::scene::Scene;

const HEADER: &str = "x-edge-refresh";

#[tokio::test]
async fn who_knows_the_secret_has_one_url_fetched_anew() {
    let scene = Scene::new().await;
    let (object, other) = (scene.object(b"an image"), scene.object(b"another"));
    for path in [&object, &other] {
        scene.get(path).await;
    }
    scene.origin.put(&object, Thing::of("a better one"));

    let refreshed = scene.get_with(&object, &[(HEADER, SECRET)]).await;
    let after = scene.get(&object).await;

    assert_eq!((refreshed.cache(), refreshed.text().as_str()), ("BYPASS", "a better one"));
    assert_eq!((after.cache(), after.text().as_str()), ("HIT", "a better one"));
    assert!(matches!(after.age(), Some(0..=60)), "{:?}", after.age());
    assert_eq!(scene.get(&other).await.cache(), "HIT");
    assert_eq!((scene.origin.asked(&object), scene.origin.asked(&other)), (2, 1));
    assert!(!scene.origin.last(&object).expect("asked").contains_key(HEADER), "the origin is not told the secret");
}

#[tokio::test]
async fn who_does_not_know_the_secret_gets_what_everybody_gets() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.get(&object).await;

    let (shorter, twice) = (&SECRET[1..], format!("{SECRET}, {SECRET}"));
    for wrong in ["", "1", "0", "default", "~.*", shorter, &twice] {
        assert_eq!(scene.get_with(&object, &[(HEADER, wrong)]).await.cache(), "HIT", "{wrong:?}");
    }
    assert_eq!(scene.get_with(&object, &[("cache-control", "no-cache"), ("pragma", "no-cache")]).await.cache(), "HIT");
}

#[tokio::test]
async fn what_cannot_be_fetched_anew_stays() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.get(&object).await;

    scene.origin.put(&object, Thing::of("broken").failing(500));
    assert_eq!(scene.get_with(&object, &[(HEADER, SECRET)]).await.status, 500);
    assert_eq!(scene.get(&object).await.text(), "an image");
    scene.origin.leave().await;
    assert_eq!(scene.get_with(&object, &[(HEADER, SECRET)]).await.status, 503);

    let answer = scene.get(&object).await;
    assert_eq!((answer.cache(), answer.text().as_str()), ("HIT", "an image"));
}

/// The way to take something away.
#[tokio::test]
async fn what_is_gone_at_the_origin_goes_when_it_is_refreshed() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.get(&object).await;
    scene.origin.put(&object, Thing::of("gone").failing(404).without("cache-control"));
    assert_eq!(scene.get(&object).await.status, 200);

    scene.get_with(&object, &[(HEADER, SECRET)]).await;

    assert_eq!(scene.get(&object).await.status, 404);
}
