//! The example `tiny` as a process: its command line, its signals and its exit code.

use std::{net::SocketAddr, process::Stdio};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
};

use crate::{
    client::{get, receive},
    service::soon,
};

/// Cargo builds examples beside the tests, in `target/<profile>/examples`, unless it was asked for some targets only.
fn tiny(role: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/tiny");
    assert!(path.exists(), "run `cargo build -p magnitude-chassis --example tiny` first");
    let mut command = Command::new(path);
    command.arg(role).env("MAGNITUDE_HTTP__PUBLIC", "127.0.0.1:0").env("MAGNITUDE_HTTP__OPERATOR", "127.0.0.1:0").kill_on_drop(true);
    command
}

struct Serving {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    public: SocketAddr,
    operator: SocketAddr,
}

impl Serving {
    async fn start() -> Self {
        let mut child = tiny("serve").stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = line(&mut log, "ready").await;
        let address = |name: &str| ready[name].as_str().unwrap().parse().unwrap();
        Self { child, log, public: address("public"), operator: address("operator") }
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().await.unwrap().success());
    }
}

/// The first line of the log with this message.
async fn line(log: &mut Lines<BufReader<ChildStdout>>, message: &str) -> Value {
    loop {
        let line = soon(log.next_line()).await.unwrap().expect("the log ended");
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
        if event["message"] == message {
            return event;
        }
    }
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let mut serving = Serving::start().await;
    assert_eq!(get(serving.public, "/hello").await.body, "\"hello\"");
    let logged = line(&mut serving.log, "request").await;

    let check = tiny("healthcheck").env("MAGNITUDE_HTTP__OPERATOR", serving.operator.to_string()).status().await.unwrap();
    serving.signal("TERM").await;

    assert!(check.success());
    assert_eq!((logged["status"].as_u64(), logged["route"].as_str()), (Some(200), Some("/hello")));
    assert!(logged["duration_ms"].is_f64() && logged["request_id"].is_string());
    assert!(soon(serving.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut serving = Serving::start().await;
    let mut stream = TcpStream::connect(serving.public).await.unwrap();
    // Whoever has the first answer knows that the second request runs: the server goes on to it before it looks for signals.
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: tiny\r\n\r\nGET /never HTTP/1.1\r\nhost: tiny\r\n\r\n").await.unwrap();
    receive(&mut stream).await;

    serving.signal("TERM").await;
    line(&mut serving.log, "stopping").await;
    serving.signal("INT").await;

    assert_eq!(soon(serving.child.wait()).await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn what_fails_says_so_in_one_sentence() {
    let unready = tiny("healthcheck").env("MAGNITUDE_HTTP__OPERATOR", "127.0.0.1:1").output().await.unwrap();
    let migrate = tiny("migrate").output().await.unwrap();
    let wrong = tiny("settings").env("MAGNITUDE_HTTP__PUBLIC", "x").env("MAGNITUDE_HTTP__NONE", "x").output().await.unwrap();

    let said = |output: &std::process::Output| String::from_utf8(output.stderr.clone()).unwrap();
    assert!([&unready, &migrate, &wrong].iter().all(|output| output.status.code() == Some(1)));
    assert!(said(&unready).starts_with("tiny: 127.0.0.1:1 could not be asked"), "{}", said(&unready));
    assert_eq!(said(&migrate), "tiny: the migration did not finish: tiny has no databases\n");
    assert!(said(&wrong).contains("http.public: ") && said(&wrong).contains("http.none: "), "{}", said(&wrong));
}

#[tokio::test]
async fn settings_prints_what_counts() {
    let output = tiny("settings").env("MAGNITUDE_HTTP__DRAIN_DELAY_MS", "7").output().await.unwrap();

    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("drain_delay_ms = 7"), "{shown}");
}
