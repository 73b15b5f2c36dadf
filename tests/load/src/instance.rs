//! What one instance and its Redis servers tell of themselves.

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stack::Stack;

/// The commands that the services send to Redis; what a script runs is none of its own.
const SENT: [&str; 6] = ["evalsha", "eval", "mget", "get", "set", "setex"];

/// How many commands of the services the nodes of cache and sessions have worked off.
pub async fn redis_commands(stack: &Stack) -> anyhow::Result<f64> {
    let mut sum = 0.0;
    for address in stack.caches.iter().chain([&stack.sessions]) {
        let told = ask(address, &stack.redis_password, "INFO commandstats").await?;
        for line in told.lines() {
            let Some((name, rest)) = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(":calls=")) else { continue };
            if SENT.contains(&name) {
                sum += rest.split(',').next().unwrap_or_default().parse::<f64>()?;
            }
        }
    }
    Ok(sum)
}

/// One inline command, so that this needs no client library.
pub async fn ask(address: &str, password: &str, command: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    if !password.is_empty() {
        stream.write_all(format!("AUTH {password}\r\n").as_bytes()).await?;
    }
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
    let mut told = String::new();
    stream.take(256 * 1024).read_to_string(&mut told).await?;
    Ok(told)
}

/// The sum of the metric's series, of an instance's operator listener.
pub async fn metric(http: &reqwest::Client, operator: &str, name: &str) -> anyhow::Result<f64> {
    let text = http.get(format!("http://{operator}/metrics")).send().await?.error_for_status()?.text().await?;
    sum(&text, name).with_context(|| format!("{operator} tells no {name}"))
}

fn sum(text: &str, name: &str) -> Option<f64> {
    let series = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    let values: Vec<f64> = series.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn the_series_of_one_metric_are_added() {
        let text = "# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3\nab 7\n";

        assert_eq!(sum(text, "a"), Some(5.0));
        assert_eq!(sum(text, "c"), None);
    }
}
