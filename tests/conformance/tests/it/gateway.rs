//! What the load balancer keeps from the outside, and what it refuses itself.

use magnitude_conformance::{Answer, Api, json, raw};

async fn get(path: &str, headers: &str) -> Option<Answer> {
    raw(format!("GET {path} HTTP/1.1\r\nhost: conduit\r\nconnection: close\r\n{headers}\r\n").as_bytes()).await
}

#[tokio::test]
async fn nothing_but_the_api_and_the_page_is_reachable_from_outside() {
    let private = [
        "/api",
        "/internal/accounts/session",
        "//internal/accounts/session",
        "/api/internal/accounts/session",
        "/api/../internal/accounts/session",
        "/api/./../internal/accounts/session",
        "/api/users/../../internal/accounts/session",
        "/api/%2e%2e/internal/accounts/session",
        "/api/users/..%2f..%2finternal/accounts/session",
        "/api/users/%2e%2e%2f%2e%2e%2fmetrics",
    ];
    for path in private {
        for headers in ["", "x-envoy-original-path: /internal/accounts/session\r\n"] {
            let answer = get(path, headers).await.expect("an answer");

            answer.refuses(404, json!({"path": ["not found"]}));
        }
    }
    // What is nobody's is the web application's, which is the same for all such paths.
    let page = get("/login", "").await.expect("an answer");
    for path in ["/", "/metrics", "/health/live", "/health/ready", "/api/articles/../../health/ready"] {
        let answer = get(path, "").await.expect("an answer");

        assert_eq!((answer.status, &answer.text), (page.status, &page.text), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_in_the_apis_shape() {
    let long = format!("x: {}\r\n", "y".repeat(1_000));
    let shapes = [
        ("one long header", format!("x: {}\r\n", "y".repeat(200_000))),
        ("many headers", "x: y\r\n".repeat(400)),
        ("many long headers", long.repeat(200)),
    ];
    for (what, headers) in shapes {
        // Closed is an answer too, but not one that blames the server.
        if let Some(answer) = get("/api/tags", &headers).await {
            assert_eq!(answer.status, 431, "{what}");
            answer.is_clients_fault();
        }
    }
    Api::anonymous().get("/tags").await.is(200);
}
