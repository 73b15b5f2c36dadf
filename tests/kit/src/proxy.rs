use std::net::SocketAddr;

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A line to a server that a test can break. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    _run: DropGuard,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    Frozen,
    Stranded,
    LoseAnswers,
    Cut,
}

impl Proxy {
    /// Listens on a free port of the loopback and passes everything to `server`.
    pub async fn to(server: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (mode, stop) = (watch::Sender::new(Mode::Pass), CancellationToken::new());
        let accept = accept(listener, server.to_owned(), mode.clone());
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(accept).await });
        Ok(Self { address, mode, _run: stop.drop_guard() })
    }

    /// `host:port` for clients.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Requests still reach the server; its answers are lost, and the line breaks with the first of them.
    pub fn lose_answers(&self) {
        self.mode.send_replace(Mode::LoseAnswers);
    }

    /// Keeps every line open and passes nothing, as a frozen server or a cut without a reset does.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// What is said on a line from now on never arrives, and the line stays open, as when a server's machine is gone. Those that are made
    /// after [`heal`](Self::heal) are well.
    pub fn strand(&self) {
        self.mode.send_replace(Mode::Stranded);
    }

    /// Breaks every line, waits until none stands, and lets no new one stand.
    pub async fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
        // Only lines hold receivers.
        self.mode.closed().await;
    }

    /// Passes everything again.
    pub fn heal(&self) {
        self.mode.send_replace(Mode::Pass);
    }
}

async fn accept(listener: TcpListener, server: String, mode: watch::Sender<Mode>) {
    let mut lines = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        lines.spawn(line(client, server.clone(), mode.subscribe()));
    }
}

/// One line, until an end closes it or it is broken.
async fn line(client: TcpStream, server: String, mut mode: watch::Receiver<Mode>) -> anyhow::Result<()> {
    if *mode.borrow() == Mode::Cut {
        return Ok(());
    }
    let server = TcpStream::connect(&server).await.context(server)?;
    let (requests, answers) = (mode.clone(), mode.clone());
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        done = pass(&mut from_client, &mut to_server, requests, |_| false) => done?,
        done = pass(&mut from_server, &mut to_client, answers, |mode| mode == Mode::LoseAnswers) => done?,
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
    Ok(())
}

async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut mode: watch::Receiver<Mode>,
    breaks: impl Fn(Mode) -> bool,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let mode = *mode.wait_for(|mode| *mode != Mode::Frozen).await?;
        if mode == Mode::Stranded {
            std::future::pending::<()>().await;
        }
        if read == 0 || breaks(mode) {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}
