use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything that a point of presence waits for.
const ANSWER: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// What it says of itself: HIT, MISS and so on; nothing where nothing is kept.
    pub fn cache(&self) -> &str {
        self.header("x-cache").unwrap_or_default()
    }

    /// Seconds.
    pub fn age(&self) -> Option<u64> {
        self.header("age")?.parse().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection of its own, for one GET: many that are there before the first of them asks can ask at once.
pub struct Line {
    stream: TcpStream,
    address: SocketAddr,
}

impl Line {
    pub async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { stream: connect(address).await?, address })
    }

    pub async fn ask(&mut self, path: &str) -> anyhow::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        self.stream.write_all(request.as_bytes()).await.with_context(|| format!("{} does not read", self.address))
    }

    pub async fn answer(mut self) -> anyhow::Result<Answer> {
        timeout(ANSWER, receive(&mut self.stream, false)).await.with_context(|| format!("{} does not answer", self.address))?
    }
}

/// One request on a connection of its own, with these headers.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Answer> {
    let headers = headers.iter().fold(String::new(), |all, (name, value)| all + name + ": " + value + "\r\n");
    ask_as_it_is(address, format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n").as_bytes()).await
}

/// The same, byte for byte.
pub async fn ask_as_it_is(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    timeout(ANSWER, exchange(address, request)).await.with_context(|| format!("{address} does not answer"))?
}

async fn exchange(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream = connect(address).await?;
    // Whoever refuses a large request answers before its end, and then hangs up.
    let sent = stream.write_all(request).await;
    receive(&mut stream, request.starts_with(b"HEAD ")).await.with_context(|| format!("sent: {sent:?}"))
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    TcpStream::connect(address).await.with_context(|| format!("{address} does not listen"))
}

async fn receive(stream: &mut TcpStream, bodiless: bool) -> anyhow::Result<Answer> {
    let mut answer = Vec::new();
    // The end of the connection may come much later: when what is fetched anew behind the answer has come.
    loop {
        if let Some(whole) = parse(&answer, bodiless)? {
            return Ok(whole);
        }
        let read = stream.read_buf(&mut answer).await;
        ensure!(read.as_ref().is_ok_and(|read| *read > 0), "no whole answer: {read:?}");
    }
}

/// None as long as it is not whole.
fn parse(answer: &[u8], bodiless: bool) -> anyhow::Result<Option<Answer>> {
    let Some(end) = find(answer, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).context("an answer without a status")?;
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let mut parsed = Answer { status, headers: headers.collect(), body: answer[end + 4..].to_vec() };
    if bodiless || [204, 304].contains(&status) {
        return Ok(Some(parsed));
    }
    if parsed.header("transfer-encoding") == Some("chunked") {
        let Some(body) = join_chunks(&parsed.body)? else { return Ok(None) };
        parsed.body = body;
        return Ok(Some(parsed));
    }
    let length: usize = parsed.header("content-length").context("an answer without a length")?.parse()?;
    Ok((parsed.body.len() >= length).then_some(parsed))
}

/// None as long as the last one has not come.
fn join_chunks(mut rest: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(end) = find(rest, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        let (Some(chunk), Some(after)) = (rest.get(end + 2..end + 2 + size), rest.get(end + 2 + size + 2..)) else { break };
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(chunk);
        rest = after;
    }
    Ok(None)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|found| found == part)
}
