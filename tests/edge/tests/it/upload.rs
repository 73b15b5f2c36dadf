use magnitude_edge::{Thing, ask_as_it_is};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::scene::{Scene, eventually};

const MIB: usize = 1024 * 1024;

fn head(path: &str, length: usize) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn an_upload_reaches_the_origin_while_it_comes() {
    let scene = Scene::new().await;
    scene.origin.put("/api/media", Thing::of("{}"));
    let mut client = TcpStream::connect(scene.point.address).await.expect("it listens");
    client.write_all(&head("/api/media", 26 * MIB)).await.expect("is sent");
    client.write_all(&vec![7; MIB]).await.expect("is sent");

    eventually("the first part is there before the last is sent", async || scene.origin.received() == MIB).await;

    client.write_all(&vec![7; 25 * MIB]).await.expect("is sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(scene.origin.received(), 26 * MIB);
}

#[tokio::test]
async fn more_than_fits_is_refused() {
    let scene = Scene::new().await;
    for (path, most) in [("/api/media", 26 * MIB), ("/api/articles", MIB), ("/api/mediation", MIB)] {
        let request = [head(path, most + 1), vec![7; 1000]].concat();
        let answer = ask_as_it_is(scene.point.address, &request).await.expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (413, r#"{"errors":{"body":["is too large"]}}"#), "{path}");
    }
    assert_eq!(scene.origin.asked_at_all(), 0);
}

#[tokio::test]
async fn a_refusal_that_comes_early_is_heard() {
    let scene = Scene::new().await;
    scene.origin.put("/api/media", Thing::of("sign in").failing(401).hasty());
    let request = [head("/api/media", 20 * MIB), vec![7; 20 * MIB]].concat();

    let answer = ask_as_it_is(scene.point.address, &request).await.expect("an answer");

    assert_eq!((answer.status, answer.text().as_str()), (401, "sign in"));
}
