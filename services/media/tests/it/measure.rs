//! Figures, for `cargo test -p magnitude-media --test it measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use magnitude_kit::until;
use serde_json::json;

use crate::{
    app::{TestApp, send},
    images::{jpeg, png_of},
};

/// The middle, the 95th of a hundred and the longest.
fn told(what: &str, mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!("{what}: median {:?}, p95 {:?}, longest {:?} of {}", at(50), at(95), at(100), took.len());
    at(95)
}

/// From the first byte sent to the answer that is not "processing".
async fn timed(app: &TestApp, image: Vec<u8>, status: &str) -> Duration {
    let began = Instant::now();
    let (_, answer) = send(app.upload(&app.ann, image)).await;
    let path = answer["media"]["url"].as_str().expect("it was taken").to_owned();
    let settled = async || {
        let media = send(app.get(&path)).await.1["media"].take();
        if media["status"] == "processing" { Err(media) } else { Ok(media) }
    };
    let media = until(Duration::from_secs(30), "the upload is settled", settled).await;
    assert_eq!(media["status"], json!(status), "{media}");
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn an_upload_of_twelve_megapixels_is_ready_within_two_seconds() {
    let app = TestApp::new().await;
    let mut took = vec![];
    let file = jpeg(4_000, 3_000);
    for number in 0..40_u32 {
        let mut image = file.clone();
        // A comment of its own, so that no two are the same upload; the picture is.
        image.splice(2..2, [&[0xff, 0xfe, 0, 6][..], &number.to_be_bytes()].concat());
        took.push(timed(&app, image, "ready").await);
    }
    assert!(told("4000 x 3000 JPEG to all variants", took) < Duration::from_secs(2));

    let mut took = vec![];
    for _ in 0..40 {
        took.push(timed(&app, png_of(15_000, 15_000, 2, b""), "rejected").await);
    }
    told("a gigapixel's head, from upload to rejected", took);
}
