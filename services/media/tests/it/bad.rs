//! What strangers send.

use std::time::Duration;

use bytes::Bytes;
use image::ImageFormat;
use reqwest::{Body, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    app::{TestApp, send, token},
    images::{encoded, jpeg, picture, png_of, turned_jpeg},
};

const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>"#;

async fn refused_at_once(app: &TestApp, what: &str, body: impl Into<Body>) {
    let (status, answer) = send(app.upload(&app.ann, body).header("content-type", "image/jpeg")).await;

    let why = json!({"errors": {"media": ["is not a JPEG, PNG, WebP or GIF image"]}});
    assert_eq!((status, answer), (StatusCode::UNPROCESSABLE_ENTITY, why), "{what}");
}

#[tokio::test]
async fn what_does_not_begin_like_an_image_is_refused_at_once() {
    let app = TestApp::new().await;
    refused_at_once(&app, "text", "hello").await;
    refused_at_once(&app, "a byte", "x").await;
    refused_at_once(&app, "an SVG", SVG).await;
    refused_at_once(&app, "an SVG with a mark", format!("\u{feff}<?xml version=\"1.0\"?>{SVG}")).await;
    refused_at_once(&app, "a page", "<!doctype html><script>alert(1)</script>").await;
    refused_at_once(&app, "24 MiB of nothing", vec![0; 24 << 20]).await;
    refused_at_once(&app, "a bitmap", encoded_bitmap()).await;

    let (status, answer) = send(app.upload(&app.ann, "")).await;
    assert_eq!((status, answer), (StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": {"media": ["can't be blank"]}})));
    assert_eq!(app.rows("select count(*) from uploads").await, 0);
    assert_eq!(app.files(), Vec::<String>::new());
}

fn encoded_bitmap() -> Vec<u8> {
    [b"BM".to_vec(), vec![0; 200]].concat()
}

async fn rejected(app: &TestApp, what: &str, body: impl Into<Body>, reason: &str) {
    let media = app.uploaded(&app.ann, body).await;

    assert_eq!((&media["status"], &media["reason"]), (&json!("rejected"), &json!(reason)), "{what}");
    assert_eq!(media["variants"], json!([]), "{what}");
}

#[tokio::test]
async fn what_only_begins_like_an_image_is_rejected_and_leaves_nothing() {
    let app = TestApp::new().await;
    let broken = "is broken or cut off";
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let file = encoded(&picture(300, 300), format);
        for part in [20, file.len() / 2, file.len() * 9 / 10] {
            rejected(&app, &format!("{format:?} cut off at {part}"), file[..part].to_vec(), broken).await;
        }
    }
    let file = jpeg(300, 300);
    rejected(&app, "a JPEG without its end", file[..file.len() - 2].to_vec(), broken).await;
    // What it says of its size is text.
    let large = "is wider or higher than 16000 pixels";
    rejected(&app, "a GIF that is a script", "GIF89a/*<svg onload=alert(1)>*/=0;alert(document.cookie)", large).await;
    rejected(&app, "noise", [&jpeg(300, 300)[..200], &noise(5_000)].concat(), broken).await;
    rejected(&app, "a PNG without data", png_of(100, 100, 2, b"nothing"), broken).await;

    app.leaves_nothing_staged().await;
    assert_eq!(app.files(), Vec::<String>::new());
}

fn noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    rand::fill(&mut noise[..]);
    noise
}

#[tokio::test]
async fn what_is_too_large_to_decode_is_rejected_by_its_head() {
    let app = TestApp::new().await;
    rejected(&app, "a gigapixel", png_of(15_000, 15_000, 2, b""), "has more than 50 megapixels").await;
    rejected(&app, "50 000 x 1", png_of(50_000, 1, 2, b""), "is wider or higher than 16000 pixels").await;
    rejected(&app, "1 x 50 000", png_of(1, 50_000, 2, b""), "is wider or higher than 16000 pixels").await;
    rejected(&app, "four thousand million squared", png_of(u32::MAX >> 1, u32::MAX >> 1, 6, b""), "needs too much memory to be decoded")
        .await;
    // A GIF says in its head how large its screen is.
    let mut gif = encoded(&picture(30, 30), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    rejected(&app, "a GIF of 65 535 squared", gif, "is wider or higher than 16000 pixels").await;
}

/// A gigapixel that is a few hundred kilobytes: what bombs are made of.
#[tokio::test]
async fn a_gigapixel_that_is_really_there_is_rejected_too() {
    let app = TestApp::new().await;
    let row = [vec![0_u8], vec![7; 32_000]].concat();
    let mut zipped = vec![0x78, 0x01];
    // Stored blocks would be as large as the picture; a few are enough, the head decides.
    for _ in 0..20 {
        let length = u16::try_from(row.len()).unwrap();
        zipped.push(0);
        zipped.extend_from_slice(&length.to_le_bytes());
        zipped.extend_from_slice(&(!length).to_le_bytes());
        zipped.extend_from_slice(&row);
    }
    rejected(&app, "a gigapixel", png_of(15_999, 62_500, 0, &zipped), "is wider or higher than 16000 pixels").await;
    rejected(&app, "a quarter of it", png_of(15_999, 15_999, 0, &zipped), "has more than 50 megapixels").await;
}

#[tokio::test]
async fn a_polyglot_is_only_a_picture_afterwards() {
    let app = TestApp::new().await;
    let script = b"*/=1;alert(document.domain)/*<script>alert(1)</script>";
    let gif = [encoded(&picture(300, 300), ImageFormat::Gif), script.to_vec()].concat();
    for file in [turned_jpeg(300, 300, 1), gif] {
        let media = app.uploaded(&app.ann, file).await;

        assert_eq!(media["status"], "ready", "{media}");
        for content in app.variants(&media).await {
            assert_eq!(&content[8..12], b"WEBP");
            assert!(!content.windows(6).any(|window| window == b"script" || window == b"alert("));
        }
    }
    app.leaves_nothing_staged().await;
    assert!(app.files().iter().all(|file| file.starts_with("objects/")), "what was uploaded is nowhere");
}

#[tokio::test]
async fn twenty_six_mebibytes_are_too_many_said_before_or_not() {
    let app = TestApp::new().await;
    let mut file = jpeg(100, 100);
    file.resize(26 << 20, 0);
    let pieces: Vec<Result<Bytes, std::io::Error>> = file.chunks(1 << 16).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let unsaid = Body::wrap_stream(futures_util::stream::iter(pieces));
    for body in [Body::from(file), unsaid] {
        let (status, answer) = send(app.upload(&app.ann, body)).await;
        let why = json!({"errors": {"body": ["is too large (maximum is 26214400 bytes)"]}});
        assert_eq!((status, answer), (StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    app.leaves_nothing_staged().await;
    assert_eq!(app.rows("select count(*) from uploads").await, 0);
}

/// Says that so many bytes come, sends these, and then nothing more.
async fn send_raw(app: &TestApp, length: usize, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let head = format!(
        "POST /api/media HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        token(&app.ann)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// What was answered before the connection ended, however it did.
async fn answered(stream: &mut TcpStream) -> String {
    let (mut answer, mut piece) = (vec![], [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        answer.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(answer).expect("it answers with text")
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let app = TestApp::new().await;
    let mut file = jpeg(100, 100);
    file.resize(12 << 20, 0);
    // Longer than a part, so that something of it is in the store when it breaks off.
    let stream = send_raw(&app, 20 << 20, &file).await;
    let arrived = async || app.files().iter().any(|file| file.starts_with("staging"));
    magnitude_kit::eventually("a part is in the store", arrived).await;
    drop(stream);
    app.leaves_nothing_staged().await;

    let mut stream = send_raw(&app, file.len() + 1, &file).await;
    stream.shutdown().await.unwrap();
    let answer = answered(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    app.leaves_nothing_staged().await;
    assert_eq!(app.rows("select count(*) from uploads").await, 0);
}

#[tokio::test]
async fn more_than_was_said_is_not_taken() {
    let app = TestApp::new().await;
    let file = jpeg(100, 100);
    let mut stream = send_raw(&app, file.len() - 50, &file).await;
    let answer = answered(&mut stream).await;

    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let body: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
    let media = app.settled(body["media"]["id"].as_str().unwrap()).await;
    assert_eq!(media["reason"], "is broken or cut off");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    // Two thirds of it are for the body.
    let app = TestApp::with(|settings| settings.http.request_timeout_ms = 15_000).await;
    let mut stream = send_raw(&app, 1_000, &jpeg(100, 100)[..100]).await;
    let answer = tokio::time::timeout(Duration::from_mins(1), answered(&mut stream)).await.expect("it is answered");

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    app.leaves_nothing_staged().await;
}

#[tokio::test]
async fn names_that_clients_give_are_not_looked_at() {
    let app = TestApp::new().await;
    for name in ["../../../etc/passwd", "..\\..\\x", "/etc/passwd\0.jpg", "a#1"] {
        let disposition = format!("attachment; filename=\"{}\"", name.replace('\0', "%00"));
        let request =
            app.upload(&app.ann, jpeg(100, 100)).header("content-disposition", disposition).header("slug", name.replace('\0', "%00"));
        let (status, answer) = send(request).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        app.settled(answer["media"]["id"].as_str().unwrap()).await;
    }
    app.leaves_nothing_staged().await;
    assert!(app.files().iter().all(|file| file.starts_with("objects/")));
}
