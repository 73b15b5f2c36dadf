use std::time::Duration;

use magnitude_edge::{Mood, Thing, ask};
use tokio::task::JoinSet;

use crate::scene::{Scene, eventually, path};

const CLIENTS: usize = 200;

/// All ask before the origin answers the first of them; what they got.
async fn crowd(scene: &Scene, path: &str) -> Vec<(u16, String)> {
    scene.origin.feel(Mood::Silent);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, path) = (scene.point.address, path.to_owned());
        clients.spawn(async move { ask(address, "GET", &path, &[]).await.expect("an answer") });
    }
    eventually("the origin is asked", async || scene.origin.asked_at_all() >= 1).await;
    eventually("all of them have come", async || waiting(scene) >= CLIENTS).await;
    scene.origin.feel(Mood::Well);
    clients.join_all().await.into_iter().map(|answer| (answer.status, answer.text())).collect()
}

/// Connections that clients have to the point of presence.
fn waiting(scene: &Scene) -> usize {
    let ours = format!("0100007F:{:04X}", scene.point.address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("there is a table");
    // 01: established.
    table.lines().filter(|line| line.split_whitespace().nth(1) == Some(&ours) && line.split_whitespace().nth(3) == Some("01")).count()
}

#[tokio::test]
async fn many_who_miss_one_object_make_one_request() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");

    let answers = crowd(&scene, &object).await;

    assert!(answers.iter().all(|answer| *answer == (200, "an image".to_owned())));
    assert_eq!((answers.len(), scene.origin.asked(&object)), (CLIENTS, 1));
}

#[tokio::test]
async fn many_who_miss_what_does_not_exist_make_one_request() {
    let scene = Scene::new().await;
    let missing = path(b"never published");

    let answers = crowd(&scene, &missing).await;

    assert!(answers.iter().all(|(status, _)| *status == 404));
    assert_eq!(scene.origin.asked(&missing), 1);
    // But not for long: it may be published now.
    let object = scene.object(b"never published");
    scene.get_until(&object, "it is there", |answer| answer.status == 200).await;
}

#[tokio::test]
async fn one_who_hangs_does_not_keep_the_others_for_ever() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.feel(Mood::Silent);
    let first = tokio::spawn({
        let (address, object) = (scene.point.address, object.clone());
        async move { ask(address, "GET", &object, &[]).await.expect("an answer").status }
    });
    eventually("the first one asks", async || scene.origin.asked(&object) == 1).await;
    assert_eq!(first.await.expect("it ends"), 503, "the origin had its time");
    scene.origin.feel(Mood::Well);

    let next = tokio::time::timeout(Duration::from_secs(20), scene.get_until(&object, "it comes", |answer| answer.status == 200)).await;

    assert_eq!(next.expect("in time").text(), "an image");
}

#[tokio::test]
async fn a_page_that_is_asked_for_once_takes_no_room() {
    let scene = Scene::new().await;
    let page = || Thing::of("a page").with("cache-control", "public, max-age=60");
    scene.origin.put("/one", page());
    scene.origin.put("/two", page());

    assert_eq!(scene.get("/one").await.cache(), "MISS");
    assert_eq!(scene.get("/two").await.cache(), "MISS");
    assert_eq!(scene.get("/two").await.cache(), "MISS", "from the second time on it is kept");

    assert_eq!((scene.origin.asked("/one"), scene.origin.asked("/two")), (1, 2));
    scene.get_until("/two", "it is kept", |answer| answer.cache() == "HIT").await;
    assert_eq!(scene.point.pages(), 1);
}
