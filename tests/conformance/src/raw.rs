//! Requests byte for byte, for what no HTTP client would send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Answer, stack};

const LIMIT: Duration = Duration::from_mins(1);

/// Writes these bytes to the load balancer and reads one answer; nothing if the connection was closed without one.
pub async fn raw(request: &[u8]) -> Option<Answer> {
    let told = String::from_utf8_lossy(&request[..request.len().min(600)]).into_owned();
    let answer = timeout(LIMIT, exchange(request)).await.unwrap_or_else(|_| panic!("no end of the answer to\n{told}"));
    (!answer.is_empty()).then(|| parse(told, &String::from_utf8_lossy(&answer)))
}

/// A refusal may come, and the connection close, before all of the request is written: what was answered counts.
async fn exchange(request: &[u8]) -> Vec<u8> {
    let address = stack().url.trim_start_matches("http://");
    let (mut reader, mut writer) = TcpStream::connect(address).await.expect("the load balancer listens").into_split();
    let mut answer = Vec::new();
    let write = async { writer.write_all(request).await.is_ok() };
    let read = async { while !is_whole(&answer) && reader.read_buf(&mut answer).await.is_ok_and(|bytes| bytes > 0) {} };
    tokio::join!(write, read);
    answer
}

/// Whether the body is there: after an answer of its own the load balancer leaves the connection open for a second.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}

fn parse(told: String, answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head in the answer to\n{told}\n{answer}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in the answer to\n{told}\n{answer}"));
    let headers: HeaderMap = lines.filter_map(header).collect();
    assert!(!headers.contains_key("transfer-encoding"), "the answer comes in chunks, which this does not read, to\n{told}");
    Answer::new(told, status, headers, body.to_owned())
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, value.trim().parse().ok()?))
}
