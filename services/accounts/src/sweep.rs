use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    App,
    names::{self, Kind, Name},
    store,
};

const EVERY: Duration = Duration::from_secs(30);

/// Settles reservations that nobody met after they expired, and deletes what is over, until `stop`. Every instance may do so: both
/// are idempotent.
pub async fn sweep(app: App, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        sweep_once(&app).await;
    }
}

/// One round over all shards.
pub async fn sweep_once(app: &App) {
    for over in [store::names::FORGET_REGISTRATIONS, store::users::FORGET_FIRST, store::sessions::DELETE_ENDED, store::revocations::FORGET]
    {
        app.shards.execute_on_all::<(i16,)>(over, |q| q).await;
    }
    for expired in store::names::expired(&app.shards).await {
        let kind = match expired.kind.as_str() {
            "email" => Kind::Email,
            "registration" => Kind::Registration,
            _ => Kind::Username,
        };
        let name = Name { kind, text: expired.name };
        if let Err(error) = names::settle(app, &name, &expired.held).await {
            tracing::warn!(%error, "an expired reservation could not be settled; the next round tries again");
        }
    }
}
