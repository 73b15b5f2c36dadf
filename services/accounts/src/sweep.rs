use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    App,
    names::{self, Kind, Name},
    store,
};

const EVERY: Duration = Duration::from_secs(30);

/// Settles reservations that nobody met after they expired, until `stop`. Every instance may do so: settling is idempotent.
pub async fn sweep(app: App, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        sweep_once(&app).await;
    }
}

/// One round over all shards.
pub async fn sweep_once(app: &App) {
    for expired in store::names::expired(&app.shards).await {
        let kind = if expired.kind == "email" { Kind::Email } else { Kind::Username };
        let name = Name { kind, text: expired.name };
        if let Err(error) = names::settle(app, &name, &expired.held).await {
            tracing::warn!(%error, "an expired reservation could not be settled; the next round tries again");
        }
    }
}
