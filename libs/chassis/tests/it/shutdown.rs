use std::sync::atomic::Ordering;

use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    client::{get, receive, send},
    service::{gate_of, soon, start},
};

#[tokio::test]
async fn a_running_request_is_answered_and_its_connection_closed() {
    let tiny = start(&[("HTTP__REQUEST_TIMEOUT_MS", "60000"), ("HTTP__DRAIN_TIMEOUT_MS", "60000")]).await;
    let gate = gate_of("drain");
    let mut stream = TcpStream::connect(tiny.public()).await.unwrap();
    let mut idle = TcpStream::connect(tiny.public()).await.unwrap();
    send(&mut idle, "GET", "/api/plain", "", b"").await;
    receive(&mut idle).await;
    send(&mut stream, "GET", "/api/gate", "x-gate: drain\r\n", b"").await;
    soon(gate.entered.acquire()).await.unwrap().forget();

    tiny.stop();
    // The idle connection ends first: so the listeners are closed while the request still runs.
    assert_eq!(soon(idle.read(&mut [0; 10])).await.unwrap(), 0);
    // A program that another test starts just now has a copy of the listener for a moment.
    soon(async { while TcpStream::connect(tiny.public()).await.is_ok() {} }).await;
    gate.open.add_permits(1);

    let answer = receive(&mut stream).await;
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    soon(tiny.ended()).await.unwrap();
}

#[tokio::test]
async fn readiness_says_no_before_the_listeners_close() {
    let tiny = start(&[("HTTP__DRAIN_DELAY_MS", "60000")]).await;

    tiny.stop();

    soon(async { while get(tiny.operator(), "/health/ready").await.status != 503 {} }).await;
    assert_eq!(get(tiny.operator(), "/health/live").await.status, 200);
    assert_eq!(get(tiny.public(), "/api/plain").await.status, 200);
    tiny.abort();
    assert!(soon(tiny.ended()).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_at_the_deadline() {
    let tiny = start(&[("HTTP__REQUEST_TIMEOUT_MS", "600000"), ("HTTP__DRAIN_TIMEOUT_MS", "50")]).await;
    let gate = gate_of("deadline");
    let mut stream = TcpStream::connect(tiny.public()).await.unwrap();
    send(&mut stream, "GET", "/api/gate", "x-gate: deadline\r\n", b"").await;
    soon(gate.entered.acquire()).await.unwrap().forget();

    tiny.stop();

    soon(tiny.ended()).await.unwrap();
    assert_eq!(soon(stream.read(&mut [0; 10])).await.unwrap_or(0), 0);
    assert_eq!(gate.passed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_write_whose_client_has_gone_is_finished_and_waited_for() {
    let tiny = start(&[("HTTP__REQUEST_TIMEOUT_MS", "60000"), ("HTTP__DRAIN_TIMEOUT_MS", "60000")]).await;
    let gate = gate_of("gone");
    let mut stream = TcpStream::connect(tiny.public()).await.unwrap();
    send(&mut stream, "POST", "/api/gate", "x-gate: gone\r\n", b"").await;
    soon(gate.entered.acquire()).await.unwrap().forget();

    drop(stream);
    tiny.stop();
    let ended = tokio::spawn(tiny.ended());
    gate.open.add_permits(1);

    soon(ended).await.unwrap().unwrap();
    assert_eq!(gate.passed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_task_that_dies_ends_the_service_with_an_error() {
    for (task, sentence) in [("returns", "the task tiny ended before it was told to"), ("panics", "the task tiny panicked")] {
        let tiny = start(&[("TINY__TASK", task)]).await;

        let outcome = soon(tiny.ended()).await;

        assert_eq!(outcome.unwrap_err().to_string(), sentence);
    }
}
