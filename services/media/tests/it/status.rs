use std::time::{Duration, Instant};

use magnitude_kit::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{TestApp, send};

async fn green(app: &TestApp, name: &str) -> Value {
    let (status, document) = send(app.get("/status").header("accept", "application/json")).await;
    assert_eq!(status, StatusCode::OK);
    let parts = document["parts"].as_array().expect("a list");
    parts.iter().find(|part| part["name"] == name).unwrap_or_else(|| panic!("no {name} in {document}"))["green"].clone()
}

#[tokio::test]
async fn a_part_that_is_down_is_red_and_the_others_are_not() {
    let up = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let app = TestApp::with(|settings| {
        let part = |name: &str, address: String| serde_json::from_value(json!({ "name": name, "address": address })).unwrap();
        settings.status.parts = vec![part("something", up.local_addr().unwrap().to_string()), part("gone", down.to_string())];
        settings.status.envoy = format!("http://{down}");
    })
    .await;

    for name in ["gone", "load balancer"] {
        assert_eq!(green(&app, name).await, json!(false), "{name}");
    }
    for name in ["something", "cache", "sessions", "object store"] {
        becomes_green(&app, name).await;
    }
    for shard in &app.settings.shards {
        becomes_green(&app, &format!("database {}", shard.name)).await;
    }
}

/// What does not answer soon is red, and a primary counts as one when a replica has said so too, which may come after the first look; what
/// was seen is believed for a second.
async fn becomes_green(app: &TestApp, name: &str) {
    eventually(&format!("{name} is green"), async || green(app, name).await == json!(true)).await;
}

#[tokio::test]
async fn the_page_has_no_script_and_tells_no_address() {
    let app = TestApp::new().await;
    let response = app.get("/status").header("accept", "text/html").send().await.unwrap();

    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let page = response.text().await.unwrap();
    assert!(page.contains("database s1") && page.contains("green"), "{page}");
    assert!(!page.contains("<script") && !page.contains("127.") && !page.contains(":5432"), "{page}");
}

#[tokio::test]
async fn however_many_ask_the_parts_are_asked_once_a_second() {
    let part = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = part.local_addr().unwrap().to_string();
    let app = TestApp::with(|settings| {
        settings.status.parts = vec![serde_json::from_value(json!({ "name": "counted", "address": address })).unwrap()];
    })
    .await;
    let began = Instant::now();

    futures_util::future::join_all((0..50).map(|_| app.get("/status").send())).await;

    let mut asked = 0;
    while tokio::time::timeout(Duration::from_millis(50), part.accept()).await.is_ok() {
        asked += 1;
    }
    assert!((1..=2 + began.elapsed().as_secs()).contains(&asked), "{asked} in {:?}", began.elapsed());
}
