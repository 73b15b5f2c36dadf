use magnitude_chassis::{Roles, Running};
use serde_json::json;

use crate::{
    client::get,
    service::{HASTY, Tiny, settings, start},
};

#[tokio::test]
async fn a_started_service_is_live_and_ready() {
    let tiny = start(&[]).await;

    assert_eq!(get(tiny.operator(), "/health/live").await.status, 200);
    assert_eq!(get(tiny.operator(), "/health/ready").await.status, 200);
}

#[tokio::test]
async fn refusals_are_problems() {
    let tiny = start(&[HASTY]).await;

    for (path, status, title) in [
        ("/nothing", 404, "Not Found"),
        ("/internal/tiny/bug", 500, "Internal Server Error"),
        ("/internal/tiny/slow", 503, "Service Unavailable"),
    ] {
        let answer = get(tiny.operator(), path).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json(), json!({"type": "about:blank", "title": title, "status": status}));
    }
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_not_by_their_path() {
    let tiny = start(&[]).await;
    get(tiny.public(), "/api/things/one").await;
    get(tiny.public(), "/api/invented").await;

    let metrics = get(tiny.operator(), "/metrics").await.body;

    assert!(metrics.contains(r#"http_requests_total{method="GET",route="/api/things/{name}",status="200"}"#), "{metrics}");
    assert!(metrics.contains(r#"http_requests_total{method="GET",route="unmatched",status="404"}"#));
    assert!(metrics.contains(r#"http_request_duration_seconds_bucket{method="GET",route="/api/things/{name}",le="0.0005"}"#));
    assert!(!metrics.contains("invented"));
    assert!(metrics.contains("process_resident_memory_bytes "), "as soon as it is asked for: {metrics}");
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let failed = Running::start::<Tiny>(settings(&[("TINY__TASK", "fails")]), Roles::WEB).await;

    assert_eq!(failed.err().unwrap().to_string(), "the start failed");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let tiny = start(&[]).await;
    let taken = tiny.public().to_string();

    let failed = Running::start::<Tiny>(settings(&[("HTTP__PUBLIC", &taken)]), Roles::WEB).await;

    let said = format!("{:#}", failed.err().unwrap());
    assert!(said.contains("http.public") && said.contains(&taken), "{said}");
}
