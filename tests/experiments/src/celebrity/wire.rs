//! Clients that keep one connection each and do nothing else: at these rates a richer client would be what is measured.

use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::load::count;

/// Longer than a service takes for a request at most.
const ANSWER: Duration = Duration::from_mins(1);

/// What a client asks for, again and again.
#[derive(Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub token: Option<String>,
}

impl Ask {
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), token: None }
    }
}

/// What came of a while of it.
pub struct Busy {
    /// Answers with 200, a second.
    pub rate: f64,
    /// Answers with 503 and 504: what waits for a row's lock too long is refused, and of a commit that takes too long nobody knows.
    pub refused: usize,
}

/// Each client goes round its list until the time is up. Any answer but 200, 503 and 504 is an error.
pub async fn keep_busy(address: &str, clients: Vec<Vec<Ask>>, time: Duration) -> anyhow::Result<Busy> {
    let begun = Instant::now();
    let answered = try_join_all(clients.into_iter().map(|asks| go_round(address, asks, begun + time))).await?;
    let (served, refused) = answered.into_iter().fold((0, 0), |sum, answered| (sum.0 + answered.0, sum.1 + answered.1));
    Ok(Busy { rate: count(served) / begun.elapsed().as_secs_f64(), refused })
}

/// How many of its requests were served, and how many refused.
async fn go_round(address: &str, asks: Vec<Ask>, end: Instant) -> anyhow::Result<(usize, usize)> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("{address} does not listen"))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (mut served, mut refused) = (0, 0);
    for ask in asks.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        let answered = timeout(ANSWER, send(&mut sender, address, ask)).await.with_context(|| format!("{} is not answered", ask.path))?;
        if answered? { served += 1 } else { refused += 1 }
    }
    drop(sender);
    connection.await??;
    Ok((served, refused))
}

/// Whether it was served, or else refused.
async fn send(sender: &mut http1::SendRequest<Empty<Bytes>>, address: &str, ask: &Ask) -> anyhow::Result<bool> {
    let mut request = Request::builder().method(&ask.method).uri(&ask.path).header(header::HOST, address);
    if let Some(token) = &ask.token {
        request = request.header(header::AUTHORIZATION, format!("Token {token}"));
    }
    sender.ready().await?;
    let answer = sender.send_request(request.body(Empty::new())?).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!([200, 503, 504].contains(&status.as_u16()), "{} {}: {status} {}", ask.method, ask.path, String::from_utf8_lossy(&body));
    Ok(status.as_u16() == 200)
}
