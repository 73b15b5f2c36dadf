//! Small questions to a node, each with a bound.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(2);

/// The status that a GET is answered with.
pub fn http_status(address: SocketAddr, path: &str) -> Option<u16> {
    http_get(address, path).map(|(status, _)| status)
}

/// Status and body of a GET.
pub fn http_get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let answer = exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Some((status, if chunked { join_chunks(body) } else { body.to_owned() }))
}

/// Puts a chunked body together; what is malformed ends it.
fn join_chunks(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let Some(chunk) = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0).and_then(|size| tail.get(..size)) else {
            break;
        };
        body.push_str(chunk);
        rest = tail[chunk.len()..].trim_start_matches("\r\n");
    }
    body
}

/// A node that still loads its append-only file answers, but not with PONG.
pub fn redis_pongs(address: SocketAddr, password: &str) -> bool {
    redis_says(address, password, "PING").is_some_and(|answer| answer.lines().any(|line| line == "+PONG"))
}

/// What a Redis answers to a command.
pub fn redis_says(address: SocketAddr, password: &str, command: &str) -> Option<String> {
    exchange(address, &format!("AUTH {password}\r\n{command}\r\nQUIT\r\n"))
}

/// Sends a request that ends the connection, and reads until it ends.
fn exchange(address: SocketAddr, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, BOUND).ok()?;
    stream.set_read_timeout(Some(BOUND)).ok()?;
    stream.set_write_timeout(Some(BOUND)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = vec![];
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::join_chunks;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(join_chunks("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
    }
}
