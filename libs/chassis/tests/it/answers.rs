use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{ask, get, receive, send},
    service::{HASTY, soon, start},
};

const JSON: &str = "application/json; charset=utf-8";

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_refused_in_the_shape_of_the_api() {
    let tiny = start(&[]).await;

    let path = get(tiny.public(), "/api/nothing").await;
    let method = ask(tiny.public(), "DELETE", "/api/things", "", b"").await;

    assert_eq!((path.status, path.json()), (404, json!({"errors": {"path": ["not found"]}})));
    assert_eq!((method.status, method.json()), (405, json!({"errors": {"method": ["not allowed"]}})));
    assert_eq!(method.header("allow").replace(' ', ""), "POST,GET,HEAD");
    assert_eq!((path.header("content-type"), method.header("content-type")), (JSON, JSON));
}

#[tokio::test]
async fn the_operators_paths_are_not_public() {
    let tiny = start(&[]).await;

    for path in ["/metrics", "/health/live", "/internal/tiny/bug"] {
        assert_eq!(get(tiny.public(), path).await.status, 404);
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_alone() {
    let tiny = start(&[]).await;

    for method in ["GET", "POST"] {
        let answer = ask(tiny.public(), method, "/api/bug", "", b"").await;
        assert_eq!((answer.status, answer.json()), (500, json!({"errors": {"server": ["internal error"]}})));
    }
    assert_eq!(get(tiny.public(), "/api/things/a").await.status, 200);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_503_and_a_write_is_of_unknown_outcome() {
    let tiny = start(&[HASTY]).await;

    let read = get(tiny.public(), "/api/slow").await;
    let write = ask(tiny.public(), "POST", "/api/slow", "", b"").await;

    assert_eq!((read.status, read.header("retry-after")), (503, "1"));
    assert_eq!((write.status, write.json()), (504, json!({"errors": {"server": ["outcome unknown"]}})));
}

#[tokio::test]
async fn a_cause_is_never_shown() {
    let tiny = start(&[]).await;

    let answer = get(tiny.public(), "/api/broken").await;

    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(!answer.body.contains("secret"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_or_without_a_length() {
    let tiny = start(&[]).await;
    let large = format!("{{\"thing\":{{\"name\":\"{}\"}}}}", "x".repeat(5000));
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());

    let with = ask(tiny.public(), "POST", "/api/things", "", large.as_bytes()).await;
    let mut stream = TcpStream::connect(tiny.public()).await.unwrap();
    let head = "POST /api/things HTTP/1.1\r\nhost: tiny\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(format!("{head}{chunked}").as_bytes()).await.unwrap();
    let without = receive(&mut stream).await;

    let refused = json!({"errors": {"body": ["is too large (maximum is 1000 bytes)"]}});
    assert_eq!((with.status, with.json()), (413, refused.clone()));
    assert_eq!((without.status, without.json()), (413, refused));
}

#[tokio::test]
async fn malformed_bodies_pages_and_paths_are_clear_refusals() {
    let tiny = start(&[]).await;

    let broken = ask(tiny.public(), "POST", "/api/things", "content-type: text/plain\r\n", b"{\"thing\":").await;
    let blank = ask(tiny.public(), "POST", "/api/things", "", b"{\"thing\":{\"name\":\" \"}}").await;
    let page = get(tiny.public(), "/api/things?limit=-1").await;

    assert_eq!((broken.status, broken.json()), (422, json!({"errors": {"body": ["is not valid JSON"]}})));
    assert_eq!((blank.status, blank.json()), (422, json!({"errors": {"name": ["can't be blank"]}})));
    assert_eq!(page.json(), json!({"errors": {"limit": ["must be a whole number, zero or more"]}}));
    for path in ["/api/things/%ff", "/api/things/%00"] {
        let answer = get(tiny.public(), path).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"errors": {"path": ["not found"]}})), "{path}");
    }
}

#[tokio::test]
async fn json_has_its_content_type_and_every_answer_the_id_of_its_request() {
    let tiny = start(&[]).await;

    let own = ask(tiny.public(), "GET", "/api/plain", "x-request-id: mine-1\r\n", b"").await;
    let bad = ask(tiny.public(), "GET", "/api/plain", "x-request-id: {\"a\"}\r\n", b"").await;

    assert_eq!((own.header("content-type"), own.header("x-request-id")), (JSON, "mine-1"));
    assert_eq!(bad.header("x-request-id").len(), 36, "an id that could break the log is replaced");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_and_an_idle_connection_is_not() {
    let tiny = start(&[("HTTP__HEADER_TIMEOUT_MS", "500")]).await;
    let mut idle = TcpStream::connect(tiny.public()).await.unwrap();
    send(&mut idle, "GET", "/api/plain", "", b"").await;
    receive(&mut idle).await;
    let mut slow = TcpStream::connect(tiny.public()).await.unwrap();
    slow.write_all(b"GET /api/plain HTTP/1.1\r\nhost: ").await.unwrap();

    let mut rest = Vec::new();
    // An answer or none, but the end.
    let _ = soon(slow.read_to_end(&mut rest)).await;
    send(&mut idle, "GET", "/api/plain", "", b"").await;

    assert_eq!(receive(&mut idle).await.status, 200, "it was idle for longer than a head may take");
}
