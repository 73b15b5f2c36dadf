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

pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, BOUND).is_ok()
}

/// Whether a broker lets this user in: it goes on to tune the connection then, and hangs up otherwise.
pub fn amqp_signs_in(address: SocketAddr, user: &str, password: &str) -> bool {
    const START: [u8; 4] = [0, 10, 0, 10];
    const TUNE: [u8; 4] = [0, 10, 0, 30];
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, BOUND).ok()?;
        stream.set_read_timeout(Some(BOUND)).ok()?;
        stream.set_write_timeout(Some(BOUND)).ok()?;
        stream.write_all(b"AMQP\0\0\x09\x01").ok()?;
        if amqp_method(&mut stream)? != START {
            return None;
        }
        stream.write_all(&start_ok(user, password)).ok()?;
        amqp_method(&mut stream)
    };
    ask() == Some(TUNE)
}

/// Class and method of the next frame.
fn amqp_method(stream: &mut TcpStream) -> Option<[u8; 4]> {
    let mut head = [0; 7];
    stream.read_exact(&mut head).ok()?;
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    // With the byte that ends it. A broker's greeting is far smaller.
    let mut rest = vec![0; usize::try_from(size.min(64 * 1024)).ok()? + 1];
    stream.read_exact(&mut rest).ok()?;
    rest.first_chunk().copied()
}

fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let long = |text: &str| [&u32::try_from(text.len()).unwrap_or(0).to_be_bytes()[..], text.as_bytes()].concat();
    // No properties, PLAIN, who, which language.
    let method = [&[0, 10, 0, 11, 0, 0, 0, 0, 5][..], b"PLAIN", &long(&format!("\0{user}\0{password}")), &[5], b"en_US"].concat();
    [&[1, 0, 0][..], &u32::try_from(method.len()).unwrap_or(0).to_be_bytes(), &method, &[0xce]].concat()
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
