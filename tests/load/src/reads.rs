//! Reads through Envoy, counting what failed: the client never asks twice.

use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use futures_util::{StreamExt, stream};
use reqwest::Client;
use serde_json::Value;

use crate::{client, stack::Stack};

/// Failures that are shown; the others are only counted.
const SHOWN: usize = 10;

#[derive(Args)]
pub struct Reads {
    #[arg(long, default_value_t = 10_000, value_parser = crate::fill::upto)]
    count: usize,
    /// Requests at once.
    #[arg(long, default_value_t = 8, value_parser = crate::fill::upto)]
    in_flight: usize,
}

impl Reads {
    pub async fn run(self, stack: &Stack) -> anyhow::Result<()> {
        let (http, started) = (client::http()?, Instant::now());
        let paths = paths(&http, stack).await?;
        let reads = (0..self.count).map(|number| read(&http, &paths[number % paths.len()]));
        let mut answers = stream::iter(reads).buffer_unordered(self.in_flight).enumerate();
        let (mut ok, mut failed, step) = (0, 0, (self.count / 10).max(1));
        while let Some((done, answer)) = answers.next().await {
            match answer {
                Ok(()) => ok += 1,
                Err(error) => {
                    failed += 1;
                    if failed <= SHOWN {
                        eprintln!("failed: {error:#}");
                    }
                }
            }
            if (done + 1) % step == 0 {
                eprintln!("{} of {} reads after {:.1?}, {failed} failed", done + 1, self.count, started.elapsed());
            }
        }
        println!("reads: {ok} ok, {failed} failed in {:.1?}", started.elapsed());
        ensure!(failed == 0, "{failed} of {} reads failed", self.count);
        Ok(())
    }
}

/// What is read: a list, the tags, and an article of the list (made if there is none).
async fn paths(http: &Client, stack: &Stack) -> anyhow::Result<Vec<String>> {
    let list = format!("{}/api/articles?limit=20", stack.url);
    let page: Value = http.get(&list).send().await?.error_for_status()?.json().await?;
    let slug = if let Value::String(slug) = &page["articles"][0]["slug"] {
        slug.clone()
    } else {
        let token = client::register(http, &stack.url).await?;
        client::publish(http, &stack.url, &token, 0, &[]).await?
    };
    Ok(vec![format!("{}/api/articles/{slug}", stack.url), list, format!("{}/api/tags", stack.url)])
}

async fn read(http: &Client, url: &str) -> anyhow::Result<()> {
    let answer = http.get(url).send().await.with_context(|| format!("GET {url}"))?;
    let status = answer.status();
    let body = answer.text().await.with_context(|| format!("half an answer to GET {url}"))?;
    ensure!(status.as_u16() == 200, "GET {url}: {status} {body}");
    serde_json::from_str::<Value>(&body).with_context(|| format!("GET {url}: not JSON"))?;
    Ok(())
}
