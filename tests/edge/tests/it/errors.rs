use magnitude_edge::{Mood, Thing, ask, ask_as_it_is};

use crate::scene::Scene;

#[tokio::test]
async fn too_large_a_head_is_said_to_be() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let (fits, large) = ("x".repeat(12_000), "x".repeat(20_000));

    assert_eq!(scene.get_with(&object, &[("x-large", &fits)]).await.status, 200);
    assert_eq!(scene.get_with(&object, &[("cookie", &large)]).await.status, 431);
    let many: Vec<_> = (0..8).map(|_| ("x-many", fits.as_str())).collect();
    assert_eq!(scene.get_with(&object, &many).await.status, 431);
    let long = scene.get(&format!("/{large}")).await;

    assert_eq!((long.status, long.text().as_str()), (431, r#"{"errors":{"request":["has too large a head"]}}"#));
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let scene = Scene::new().await;
    let smuggled =
        "POST /api/user HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n";
    for wrong in ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nconnection: close\r\n\r\n", "GET / HTTP/9.1\r\nhost: x\r\n\r\n", smuggled] {
        let answer = ask_as_it_is(scene.point.address, wrong.as_bytes()).await.expect("an answer");
        assert!([400, 505].contains(&answer.status), "{wrong:?}: {}", answer.status);
    }
    assert_eq!(scene.origin.asked_at_all(), 0);
}

/// Whether a write was done is not guessed.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_one_that_was_never_sent_is_not() {
    let scene = Scene::new().await;
    scene.origin.put("/api/articles", Thing::of("{}"));
    let post = async || ask(scene.point.address, "POST", "/api/articles", &[("content-length", "0")]).await.expect("an answer");
    assert_eq!(post().await.status, 200);

    scene.origin.feel(Mood::Silent);
    let lost = async {
        crate::scene::eventually("the write is there", async || scene.origin.asked("/api/articles") == 2).await;
        scene.origin.leave().await;
    };
    let (unknown, ()) = tokio::join!(post(), lost);
    let refused = post().await;
    let read = scene.get("/api/articles").await;

    assert_eq!((unknown.status, unknown.text().as_str()), (504, r#"{"errors":{"server":["outcome unknown"]}}"#));
    for answer in [refused, read] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.text(), r#"{"errors":{"server":["is unavailable, try again"]}}"#);
    }
}

#[tokio::test]
async fn what_the_origin_says_is_passed_on_as_it_is() {
    let scene = Scene::new().await;
    for status in [400, 401, 404, 422, 500, 503] {
        let path = format!("/api/{status}");
        scene.origin.put(&path, Thing::of("its own words").failing(status));
        let answer = scene.get(&path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, "its own words"));
    }
}
