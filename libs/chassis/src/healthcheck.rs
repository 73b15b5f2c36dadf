use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks `/health/ready` of the instance on this machine: slim images hold no curl.
pub(crate) async fn ask(operator: SocketAddr) -> anyhow::Result<()> {
    let address = reachable(operator);
    let answer = timeout(TIMEOUT, get(address)).await;
    let status = answer
        .with_context(|| format!("{address} did not answer within {TIMEOUT:?}"))?
        .with_context(|| format!("{address} could not be asked"))?;
    if status != "200" {
        bail!("the instance at {address} is not ready (status {status})");
    }
    Ok(())
}

/// An instance that listens on every address is asked on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) });
    }
    address
}

async fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).await?;
    let head = String::from_utf8_lossy(&answer);
    Ok(head.split(' ').nth(1).unwrap_or("none").to_owned())
}
