//! A client that costs as little as it can: on a machine that serves and asks at once, a richer one would be what is measured.

use std::{error::Error, fmt, net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

/// Longer than anything in a stack waits for anything.
const ANSWER: Duration = Duration::from_secs(30);

/// One connection, with one request under way.
pub struct Raw {
    stream: TcpStream,
    address: SocketAddr,
    /// The answer that is read: head and body.
    buffer: Vec<u8>,
    body: usize,
}

/// An answer whose body has come whole.
pub struct Got<'a> {
    pub status: u16,
    /// What `X-Cache` says; empty if there is none.
    pub cache: &'a str,
    pub body: &'a [u8],
}

/// The connection ended after the beginning of an answer. What has gone out cannot be taken back: only who asked can ask again.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ended in the middle of an answer")
    }
}

impl Error for Cut {}

impl Raw {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("{address} does not listen"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address, buffer: Vec::with_capacity(64 * 1024), body: 0 })
    }

    /// Only answers with a length are understood. After an error the connection is good for nothing.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Got<'_>> {
        self.send(path).await?;
        timeout(ANSWER, self.receive()).await.with_context(|| format!("{path} is not answered"))?
    }

    pub async fn send(&mut self, path: &str) -> anyhow::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    pub async fn receive(&mut self) -> anyhow::Result<Got<'_>> {
        self.buffer.clear();
        let end = loop {
            let seen = self.buffer.len().saturating_sub(3);
            self.more().await?;
            if let Some(end) = self.buffer[seen..].windows(4).position(|part| part == b"\r\n\r\n") {
                break seen + end;
            }
        };
        self.body = end + 4;
        let length: usize = header(&self.buffer[..end], "content-length").context("an answer without a length")?.parse()?;
        while self.buffer.len() < self.body + length {
            self.more().await?;
        }
        let head = &self.buffer[..end];
        let status = std::str::from_utf8(head.get(9..12).context("no status")?)?.parse().context("no status")?;
        Ok(Got { status, cache: header(head, "x-cache").unwrap_or_default(), body: &self.buffer[self.body..] })
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? > 0 {
            return Ok(());
        }
        ensure!(!self.buffer.is_empty(), "the connection ended without an answer");
        Err(Cut.into())
    }
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Keeps connections busy with GETs of one path for a while; answers a second. Any answer but 200 of this length is an error.
pub async fn hammer(address: SocketAddr, path: &str, length: usize, connections: usize, time: Duration) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let client = async || {
        let (mut raw, mut answered) = (Raw::connect(address).await?, 0_u32);
        while begun.elapsed() < time {
            let got = raw.get(path).await?;
            ensure!(got.status == 200 && got.body.len() == length, "{path}: {} with {} bytes", got.status, got.body.len());
            answered += 1;
        }
        anyhow::Ok(f64::from(answered))
    };
    let answered = try_join_all((0..connections).map(|_| client())).await?;
    Ok(answered.into_iter().sum::<f64>() / begun.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each connection's requests with these bytes, a part at a time.
    async fn server(parts: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("is bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    for part in parts {
                        stream.write_all(part.as_bytes()).await.expect("is sent");
                        tokio::task::yield_now().await;
                    }
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn an_answer_may_come_in_parts() {
        let address = server(&["HTTP/1.1 203 x\r\nX-Cache: HIT\r", "\n", "Content-Length: 5\r\n\r", "\nab", "cde"]).await;
        let mut raw = Raw::connect(address).await.expect("it listens");
        for _ in 0..2 {
            let got = raw.get("/").await.expect("an answer");
            assert_eq!((got.status, got.cache, got.body), (203, "HIT", &b"abcde"[..]));
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_not_the_wanted_one_is_no_measurement() {
        let time = Duration::from_millis(20);
        let refused = server(&["HTTP/1.1 503 x\r\ncontent-length: 5\r\n\r\nabcde"]).await;
        hammer(refused, "/", 5, 2, time).await.expect_err("it is refused");
        let good = server(&["HTTP/1.1 200 x\r\ncontent-length: 5\r\n\r\nabcde"]).await;
        hammer(good, "/", 4, 2, time).await.expect_err("it is another");
        assert!(hammer(good, "/", 5, 2, time).await.expect("it is the one") > 0.0);
    }

    #[tokio::test]
    async fn an_answer_that_ends_in_the_middle_is_told_from_none() {
        for (answer, cut) in [("HTTP/1.1 200 x\r\ncontent-length: 5\r\n\r\nab", true), ("", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("is bound");
            let serve = async {
                let (mut stream, _) = listener.accept().await.expect("it comes");
                let read = stream.read(&mut [0; 1024]).await.expect("it asks");
                assert!(read > 0);
                stream.write_all(answer.as_bytes()).await.expect("is sent");
            };
            let ask = async { Raw::connect(address).await.expect("it listens").get("/").await.map(drop).expect_err("it is not whole") };
            let ((), error) = tokio::join!(serve, ask);
            assert_eq!(error.is::<Cut>(), cut, "{error:#}");
        }
    }
}
