//! People who are signed in and look all the time whether they still are.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use futures_util::future::join_all;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::load::Client;

const PAUSE: Duration = Duration::from_millis(50);

pub struct People {
    stop: CancellationToken,
    looking: JoinHandle<Seen>,
}

/// What all of them saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub looks: usize,
    /// Looks without a usable answer.
    pub failed: usize,
    /// The places of those who were told that they are not signed in.
    pub lost: BTreeSet<usize>,
}

impl People {
    /// Registers so many; from then on they look.
    pub async fn sign_in(url: &str, count: usize) -> anyhow::Result<Self> {
        let (http, client, stop) = (magnitude_load::client::http()?, Client::new(url)?, CancellationToken::new());
        let mut tokens = Vec::new();
        for _ in 0..count {
            tokens.push(magnitude_load::client::register(&http, url).await?);
        }
        let looking = tokio::spawn(look(client, tokens, stop.clone()));
        Ok(Self { stop, looking })
    }

    pub async fn stop(self) -> anyhow::Result<Seen> {
        self.stop.cancel();
        self.looking.await.context("the people panicked")
    }
}

async fn look(client: Client, tokens: Vec<String>, stop: CancellationToken) -> Seen {
    let mut seen = Seen::default();
    while !stop.is_cancelled() {
        let replies = join_all(tokens.iter().map(|token| client.get("/user", Some(token)))).await;
        for (place, reply) in replies.into_iter().enumerate() {
            seen.looks += 1;
            match reply.status {
                Some(200) => {}
                Some(401) => drop(seen.lost.insert(place)),
                _ => seen.failed += 1,
            }
        }
        stop.run_until_cancelled(sleep(PAUSE)).await;
    }
    seen
}
