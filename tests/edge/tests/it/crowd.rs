use std::time::Instant;

use magnitude_edge::{Line, Mood, Thing, ask};

use crate::scene::{SOON, Scene, eventually, in_time, path};

const CLIENTS: usize = 200;

/// All ask before the origin answers the first of them; what they got. None if that took so long that the origin may have been given up.
async fn crowd(scene: &Scene, path: &str) -> Option<Vec<(u16, String)>> {
    scene.origin_is_asked().await;
    let begun = Instant::now();
    let answers = all_at_once(scene, path).await;
    scene.origin.feel(Mood::Well);
    let late = begun.elapsed() >= SOON;
    (!late).then(|| answers.expect("an answer"))
}

async fn all_at_once(scene: &Scene, path: &str) -> anyhow::Result<Vec<(u16, String)>> {
    let (mut lines, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..CLIENTS {
        lines.push(Line::to(scene.point.address).await?);
    }
    scene.origin.feel(Mood::Silent);
    for line in &mut lines {
        line.ask(path).await?;
    }
    eventually("the origin is asked", async || scene.origin.asked(path) >= 1).await;
    eventually("all of them have come", async || read(scene) >= CLIENTS).await;
    scene.origin.feel(Mood::Well);
    for line in lines {
        let answer = line.answer().await?;
        answers.push((answer.status, answer.text()));
    }
    Ok(answers)
}

/// Connections of clients on which the point of presence has read all that was sent.
fn read(scene: &Scene) -> usize {
    let ours = format!("0100007F:{:04X}", scene.point.address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("there is a table");
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // 01: established. Behind the colon is what was not read.
    lines.filter(|fields| fields[1] == ours && fields[3] == "01" && fields[4].ends_with(":00000000")).count()
}

#[tokio::test]
async fn many_who_miss_one_object_make_one_request() {
    let scene = Scene::new().await;

    let (answers, asked) = in_time(async |number| {
        let object = path(format!("image {number}").as_bytes());
        scene.origin.put(&object, Thing::of("an image"));
        crowd(&scene, &object).await.map(|answers| (answers, scene.origin.asked(&object)))
    })
    .await;

    assert!(answers.iter().all(|answer| *answer == (200, "an image".to_owned())));
    assert_eq!((answers.len(), asked), (CLIENTS, 1));
}

#[tokio::test]
async fn many_who_miss_what_does_not_exist_make_one_request() {
    let scene = Scene::new().await;

    let (answers, asked, object) = in_time(async |number| {
        let missing = path(format!("never published {number}").as_bytes());
        crowd(&scene, &missing).await.map(|answers| (answers, scene.origin.asked(&missing), missing))
    })
    .await;

    assert!(answers.iter().all(|(status, _)| *status == 404));
    // Who looks a second later asks again.
    assert!((1..=5).contains(&asked), "{asked} of {CLIENTS}");
    // But it is not missing for long: it may be published now.
    scene.origin.put(&object, Thing::of("published"));
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

    let next = scene.get_until(&object, "it comes", |answer| answer.status == 200).await;

    assert_eq!(next.text(), "an image");
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
