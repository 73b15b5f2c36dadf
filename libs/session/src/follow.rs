use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Sessions, TokenHash,
    revoked::{REMEMBERED, Revoked},
};

/// Two such steps, one of accounts and one of who asks it, and the answers fit well into a second.
const EVERY: Duration = Duration::from_millis(200);
const DEADLINE: Duration = Duration::from_secs(1);
/// Asked for beyond what is missing: the nodes of a shard may differ by a few seconds in their clocks.
const OVERLAP: Duration = Duration::from_secs(5);
/// Knowledge that is older is reported.
const LATE: Duration = Duration::from_secs(3);

/// Where a process learns of revocations: the log of a shard, or a call to accounts.
pub trait Revocations: Send + 'static {
    /// Those that became known within the last `within`. More than that do no harm.
    fn revoked(&mut self, within: Duration) -> impl Future<Output = anyhow::Result<News>> + Send;
}

/// What somebody knows of revocations.
#[derive(Clone, Debug)]
pub struct News {
    pub hashes: Vec<TokenHash>,
    /// So long ago all that had been revoked was known.
    pub age: Duration,
    /// Not if there were more than can be told.
    pub all: bool,
}

impl Sessions {
    /// Keeps asking every feed for revocations until `stop`: spawn it. What is revoked is refused from then on, also where Redis is cut off
    /// and an old copy calls it live. While nobody answers Redis is believed, and the age of the last answer reported.
    pub fn follow<R: Revocations>(&self, feeds: Vec<R>, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<R> {
        let revoked = self.revoked.clone();
        revoked.begin(feeds.len(), Instant::now());
        async move {
            let all = feeds.into_iter().enumerate().map(|(number, feed)| follow(&revoked, number, feed));
            stop.run_until_cancelled(async { futures_util::join!(join_all(all), report(&revoked)) }).await;
        }
    }

    /// What this process knows of revocations, for others to ask; nothing while it knows too little itself.
    pub fn revocations(&self, within: Duration) -> Option<News> {
        self.revoked.news(within, Instant::now())
    }
}

async fn follow(revoked: &Revoked, number: usize, mut feed: impl Revocations) {
    loop {
        let asked = Instant::now();
        let missing = revoked.complete(number).map_or(REMEMBERED, |complete| asked.saturating_duration_since(complete) + OVERLAP);
        match timeout(DEADLINE, feed.revoked(missing.min(REMEMBERED))).await {
            Ok(Ok(news)) => revoked.heard(number, asked, news, Instant::now()),
            Ok(Err(error)) => tracing::debug!(error = %format_args!("{error:#}"), "revocations could not be asked for"),
            Err(_) => tracing::debug!("revocations were not told in time"),
        }
        sleep(EVERY).await;
    }
}

/// Says once when knowledge becomes old, and once when it no longer is.
async fn report(revoked: &Revoked) {
    let mut late = false;
    loop {
        let age = revoked.age(Instant::now());
        metrics::gauge!("session_revocations_age_seconds").set(age.as_secs_f64());
        if (age > LATE) != late {
            late = !late;
            if late {
                tracing::warn!(age_ms = age.as_millis(), "revocations are not heard of: only redis tells which sessions were revoked");
            } else {
                tracing::info!("revocations are heard of again");
            }
        }
        sleep(EVERY).await;
    }
}
