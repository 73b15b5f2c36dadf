use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use magnitude_redis::{Down, Node, Redis, Settings};

use crate::server::{Server, eventually};

async fn set(node: &Node, key: &str, value: &str) -> Result<(), Down> {
    node.run(redis::pipe().set(key, value).ignore()).await
}

async fn get(node: &Node, key: &str) -> Result<Option<String>, Down> {
    let (value,) = node.run(redis::pipe().get(key)).await?;
    Ok(value)
}

#[tokio::test]
async fn a_pipeline_and_a_script_are_answered() {
    let server = Server::start();
    let redis = Redis::new(&server.settings()).unwrap();
    let node = &redis.nodes()[0];
    set(node, "a", "1").await.unwrap();

    let script = redis::Script::new("return redis.call('GET', KEYS[1])");
    let found: String = node.script(script.prepare_invoke().key("a")).await.unwrap();

    assert_eq!(found, "1");
}

#[tokio::test]
async fn a_wrong_password_counts_as_down() {
    let server = Server::start();
    let settings = Settings { password: "another".into(), ..server.settings() };
    let redis = Redis::new(&settings).unwrap();

    let answer = get(&redis.nodes()[0], "a").await;

    assert!(matches!(answer, Err(Down::Failed(_))), "{answer:?}");
}

#[tokio::test]
async fn a_value_of_the_wrong_type_counts_as_down() {
    let server = Server::start();
    let redis = Redis::new(&server.settings()).unwrap();
    let node = &redis.nodes()[0];
    node.run::<()>(redis::pipe().lpush("a", "1").ignore()).await.unwrap();

    let answer = get(node, "a").await;

    assert!(matches!(answer, Err(Down::Failed(_))), "{answer:?}");
    set(node, "b", "1").await.expect("the next command has a connection of its own");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_late() {
    // The kernel accepts for it, and nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let nodes = vec![silent.local_addr().unwrap().to_string()];
    let redis = Redis::new(&Settings { nodes, password: String::new(), timeout_ms: 50, prefix: String::new() }).unwrap();
    let begun = Instant::now();

    let answer = get(&redis.nodes()[0], "a").await;

    assert!(answer.is_err(), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_dead_server_is_left_alone_and_found_again() {
    let mut server = Server::start();
    let redis = Redis::new(&server.settings()).unwrap();
    let node = &redis.nodes()[0];
    set(node, "a", "1").await.unwrap();

    server.stop();
    eventually("the breaker opens", async || matches!(get(node, "a").await, Err(Down::Breaker))).await;
    server.start_again();

    eventually("the server is found again", async || get(node, "a").await.is_ok()).await;
}
