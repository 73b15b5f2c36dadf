use std::time::Instant;

use magnitude_edge::{Answer, Mood, Thing};

use crate::scene::{SOON, Scene, eventually, in_time};

const LONG_AGO: &str = "Tue, 01 Jan 2019 00:00:00 GMT";

#[tokio::test]
async fn an_expired_object_is_found_unchanged_behind_the_answer() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").lasting(1));
    scene.get(&object).await;

    let expired = scene.expired(&object).await;

    // The old copy goes out at once, and the origin is asked whether it still holds.
    assert_eq!((expired.status, expired.cache(), expired.text().as_str()), (200, "STALE", "an image"));
    let fresh = scene.get_until(&object, "it is fresh again", |answer| answer.cache() == "HIT").await;
    assert_eq!(fresh.text(), "an image");
    let asked = scene.origin.last(&object).expect("it was asked again");
    assert!(asked.contains_key("if-none-match"), "only whether it changed: {asked:?}");
}

#[tokio::test]
async fn an_expired_object_that_changed_is_replaced() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").lasting(1));
    scene.get(&object).await;

    scene.origin.put(&object, Thing::of("another").lasting(60));

    let fresh = scene.get_until(&object, "the other one comes", |answer| answer.text() == "another").await;
    assert_eq!(fresh.cache(), "HIT");
}

#[tokio::test]
async fn who_comes_while_an_object_is_fetched_anew_gets_the_old_one() {
    let scene = Scene::new().await;

    // After five seconds of silence the origin would be asked once more.
    let (expired, meanwhile, asked) = in_time(async |number| {
        scene.origin_is_asked().await;
        let object = scene.object(format!("image {number}").as_bytes());
        scene.origin.put(&object, Thing::of("an image").lasting(1));
        scene.get(&object).await;
        let begun = Instant::now();
        scene.origin.feel(Mood::Silent);
        let expired = scene.expired(&object).await;
        eventually("the origin is asked", async || scene.origin.asked(&object) >= 2).await;
        let meanwhile = scene.get(&object).await;
        let asked = scene.origin.asked(&object);
        (begun.elapsed() < SOON).then_some((expired, meanwhile, asked))
    })
    .await;

    assert_eq!(expired.cache(), "STALE");
    assert_eq!((meanwhile.status, meanwhile.cache()), (200, "UPDATING"));
    assert_eq!(asked, 2, "it is asked once");
}

#[tokio::test]
async fn an_expired_page_is_asked_for_before_the_answer() {
    let scene = Scene::new().await;
    scene.origin.put("/config.json", Thing::of("old").lasting(1));
    scene.get("/config.json").await;

    let same = scene.expired("/config.json").await;
    assert_eq!((same.cache(), same.text().as_str(), same.age()), ("REVALIDATED", "old", Some(0)));
    scene.origin.put("/config.json", Thing::of("new").lasting(1));
    let other = scene.expired("/config.json").await;

    assert_eq!((other.cache(), other.text().as_str()), ("EXPIRED", "new"), "nobody is shown an old one while the origin is there");
}

#[tokio::test]
async fn the_application_is_asked_for_every_second_and_never_kept_by_browsers() {
    let scene = Scene::new().await;
    let page = |text: &'static str| Thing::of(text).with("cache-control", "no-cache").with("content-type", "text/html");
    for path in ["/", "/article/some-slug-1"] {
        scene.origin.put(path, page("old"));
        // Asked for once it is not kept.
        for _ in 0..2 {
            assert_eq!(scene.get(path).await.cache(), "MISS");
        }
        let kept = scene.get_until(path, "it is kept", |answer| answer.cache() == "HIT").await;
        assert_eq!(kept.header("cache-control"), Some("no-cache"));

        scene.origin.put(path, page("new"));

        let fresh = scene.expired(path).await;
        assert_eq!((fresh.cache(), fresh.text().as_str()), ("EXPIRED", "new"));
    }
}

#[tokio::test]
async fn what_the_origin_forbids_to_keep_is_not_kept() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    for forbidden in ["no-store", "private, max-age=60", "no-cache", "max-age=0"] {
        for path in [object.as_str(), "/config.json", "/robots.txt"] {
            if (path, forbidden) == ("/robots.txt", "no-cache") {
                continue;
            }
            scene.origin.put(path, Thing::of("once").with("cache-control", forbidden));
            for _ in 0..3 {
                let answer = scene.get(path).await;
                assert_eq!((answer.status, answer.cache()), (200, "MISS"), "{path}: {forbidden}");
            }
        }
    }
}

#[tokio::test]
async fn its_age_is_that_of_the_origins_word() {
    let scene = Scene::new().await;
    let (object, short) = (scene.object(b"an image"), scene.object(b"another"));
    scene.origin.put(&object, Thing::of("an image").with("date", LONG_AGO));
    scene.origin.put(&short, Thing::of("another").with("date", LONG_AGO).lasting(2));

    let first = scene.get(&object).await;
    let second = scene.get_until(&object, "it grows older", |answer| answer.cache() == "HIT").await;

    assert_eq!((first.cache(), first.age()), ("MISS", Some(0)));
    assert!(second.age() > Some(1_000_000), "the origin said when it made it: {:?}", second.age());

    // Found unchanged, it is as good as new, though the first Date stays with it.
    scene.get(&short).await;
    scene.expired(&short).await;
    let validated = scene.get_until(&short, "it is found unchanged", |answer| answer.cache() == "HIT").await;
    assert!(matches!(validated.age(), Some(0..=3)), "{:?}", validated.age());
}

#[tokio::test]
async fn an_age_grows_and_includes_what_was_old_before() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").with("age", "40"));

    assert_eq!(scene.get(&object).await.age(), Some(40), "as it came");
    let older = |answer: &Answer| answer.cache() == "HIT" && answer.age().is_some_and(|age| (42..100).contains(&age));
    scene.get_until(&object, "it grows older", older).await;
}

#[tokio::test]
async fn without_a_date_no_age_is_made_up() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").with("date", "some day"));
    scene.get(&object).await;

    let kept = scene.get(&object).await;

    assert_eq!((kept.cache(), kept.age()), ("HIT", None));
}
