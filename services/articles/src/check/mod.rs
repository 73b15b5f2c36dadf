//! The checker of the cache, a role of its own: it samples what writes made old, and a moment later compares every layer with the
//! primary. What is counted here as stale is an alert.

mod layers;

use std::time::Duration;

use axum::Router;
use magnitude_cache::Void;
use magnitude_chassis::{Routers, Tasks};
use magnitude_contract::articles::ArticlesClient;
use magnitude_jobs::Event;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{App, Settings};
pub(crate) use layers::copied;

/// After a write, when no copy may be older than it any more.
const MOMENT: Duration = Duration::from_secs(2);
/// Voids that wait for their moment; more are not sampled.
const SAMPLED: usize = 200;
/// A state that differs is looked at again: another write may just be on its way through the layers. Of what is written all the time
/// every look may meet one, but then either side is another one at every look.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

pub fn start(settings: &Settings, app: App, tasks: &Tasks) -> anyhow::Result<Routers> {
    let articles = ArticlesClient::new(&settings.internal)?;
    let (into, samples) = mpsc::channel(SAMPLED);
    tasks.spawn("sampling", sample(app.clone(), into, tasks.stop()));
    tasks.spawn("checking", check(app, articles, samples, tasks.stop()));
    Ok(Routers { public: Router::new(), internal: Router::new() })
}

/// Takes what it can from the log of events.
async fn sample(app: App, into: mpsc::Sender<(Instant, Void)>, stop: CancellationToken) {
    let take = async |events: Vec<Event>| {
        let due = Instant::now() + MOMENT;
        for event in events.into_iter().filter(|event| event.kind == magnitude_jobs::VOID) {
            for void in serde_json::from_value::<Vec<Void>>(event.payload).unwrap_or_default() {
                if layers::is_known(&void) {
                    // A full queue is a sample as well.
                    let _ = into.try_send((due, void));
                }
            }
        }
        Ok(())
    };
    magnitude_jobs::follow(app.shards.clone(), "check", take, stop).await;
}

async fn check(app: App, articles: ArticlesClient, mut samples: mpsc::Receiver<(Instant, Void)>, stop: CancellationToken) {
    while let Some(Some((due, void))) = stop.run_until_cancelled(samples.recv()).await {
        if stop.run_until_cancelled(tokio::time::sleep_until(due)).await.is_none() {
            return;
        }
        if let Err(error) = check_one(&app, &articles, &void).await {
            metrics::counter!("cache_check_failed_total").increment(1);
            tracing::debug!(error = %format_args!("{error:#}"), "a key could not be checked");
        }
    }
}

/// Compares each layer with the primary; counts what stays different.
pub async fn check_one(app: &App, articles: &ArticlesClient, void: &Void) -> anyhow::Result<usize> {
    let keyspace = void.place().0.to_owned();
    let mut stale = layers::differing(app, articles, void).await?;
    for _ in 1..LOOKS {
        if stale.is_empty() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        let still = layers::differing(app, articles, void).await?;
        stale.retain(|differing| still.contains(differing));
    }
    metrics::counter!("cache_checked_total", "keyspace" => keyspace.clone()).increment(1);
    for layer in stale.iter().map(|differing| differing.layer) {
        metrics::counter!("cache_stale_total", "keyspace" => keyspace.clone(), "layer" => layer).increment(1);
        tracing::error!(keyspace, key = void.place().1, layer, "what is cached differs from the primary");
    }
    Ok(stale.len())
}
