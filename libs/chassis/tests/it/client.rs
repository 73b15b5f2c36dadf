use std::net::SocketAddr;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::service::soon;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }

    /// The value of a header, "" if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next().unwrap_or_default()
    }
}

/// One request on a connection of its own.
pub async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    send(&mut stream, method, path, &format!("connection: close\r\n{headers}"), body).await;
    let mut text = Vec::new();
    soon(stream.read_to_end(&mut text)).await.unwrap();
    parse(&text)
}

pub async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "", b"").await
}

pub async fn send(stream: &mut TcpStream, method: &str, path: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: tiny\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
}

/// One answer of a connection that stays open.
pub async fn receive(stream: &mut TcpStream) -> Answer {
    let mut text = Vec::new();
    loop {
        let answer = text.windows(4).any(|end| end == b"\r\n\r\n").then(|| parse(&text));
        if let Some(answer) = answer.filter(|answer| answer.header("content-length").parse() == Ok(answer.body.len())) {
            return answer;
        }
        assert_ne!(soon(stream.read_buf(&mut text)).await.unwrap(), 0, "closed in the middle of an answer");
    }
}

fn parse(text: &[u8]) -> Answer {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
