//! A Redis that answers wrongly, late or not at all is as good as none.

use std::{
    io::Write,
    net::TcpListener,
    time::{Duration, Instant},
};

use magnitude_kit::Proxy;
use magnitude_redis::{Redis, Settings};
use magnitude_session::Session;

use crate::{
    accounts::{Accounts, session},
    server::Server,
};

async fn run(settings: &Settings, command: &[&[u8]]) {
    let (name, arguments) = command.split_first().unwrap();
    let mut pipe = redis::pipe();
    pipe.cmd(std::str::from_utf8(name).unwrap()).arg(arguments).ignore();
    Redis::new(settings).unwrap().nodes()[0].run::<()>(&pipe).await.unwrap();
}

#[tokio::test]
async fn a_value_of_another_type_and_one_that_is_no_text_are_looked_up_and_replaced() {
    let server = Server::start();
    let settings = server.settings();
    for (command, values) in [("LPUSH", &[&b"x"[..]][..]), ("HSET", &[b"x", b"y"]), ("APPEND", &[b"\xff\0"])] {
        let (token, session) = session();
        let accounts = Accounts::knowing(&session);
        let sessions = accounts.sessions(&settings);
        let key = Redis::new(&settings).unwrap().key(&format!("session:{}", token.hash()));
        run(&settings, &[&[command.as_bytes(), key.as_bytes()], values].concat()).await;

        let (first, second) = (sessions.resolve(&token).await.unwrap(), sessions.resolve(&token).await.unwrap());

        assert_eq!((first, second), (Some(session.clone()), Some(session)), "{command:?}");
        assert_eq!(accounts.asked(), 1, "{command:?}");
    }
}

#[tokio::test]
async fn a_server_that_talks_nonsense_counts_as_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nodes = vec![listener.local_addr().unwrap().to_string()];
    std::thread::spawn(move || listener.incoming().flatten().try_for_each(|mut client| client.write_all(b"!!nonsense\r\n\0\xff")));
    let (token, session) = session();
    let sessions = Accounts::knowing(&session).sessions(&Settings { nodes, timeout_ms: 50, ..Server::start().settings() });

    let found = sessions.resolve(&token).await.unwrap();

    assert_eq!(found, Some(Session { wrote: true, ..session }));
}

#[tokio::test]
async fn a_server_that_is_slow_costs_its_time_limit_and_no_more() {
    let server = Server::start();
    let proxy = Proxy::to(&server.settings().nodes[0]).await.unwrap();
    let (token, session) = session();
    let accounts = Accounts::knowing(&session);
    let sessions = accounts.sessions(&Settings { nodes: vec![proxy.address()], timeout_ms: 50, ..server.settings() });
    sessions.remember(token.hash(), &session).await;
    proxy.freeze();
    let begun = Instant::now();

    let found = sessions.resolve(&token).await.unwrap();

    assert_eq!(found, Some(Session { wrote: true, ..session }));
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_full_server_keeps_nothing_and_refuses_nobody() {
    let server = Server::start();
    let (token, session) = session();
    let sessions = Accounts::knowing(&session).sessions(&server.settings());
    run(&server.settings(), &[b"CONFIG", b"SET", b"maxmemory", b"1"]).await;

    for _ in 0..10 {
        let found = sessions.resolve(&token).await.unwrap();

        assert_eq!(found.map(|found| found.id), Some(session.id));
    }
    assert!(sessions.revoke(&[token.hash()]).await.is_err(), "the job must try again");
    let begun = Instant::now();
    sessions.wrote(token.hash()).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "the mark is missing");
}
