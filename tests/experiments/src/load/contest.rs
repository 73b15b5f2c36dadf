//! Two sessions that want one name at the same time.

use std::{sync::Arc, time::Duration};

use magnitude_ids::Bucket;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Event, Kind, Outcome, start::Common};

/// A contest every so often: hashing a password is what costs.
pub(super) async fn run(common: Arc<Common>, every: Duration, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(every)).await.is_some() {
        contest(&common).await;
    }
}

async fn contest(common: &Common) {
    let name = format!("contest{}", Uuid::new_v4().simple());
    let (first, second) = tokio::join!(register(common, &name, "a"), register(common, &name, "b"));
    if (first, second) == (Outcome::Ok, Outcome::Ok) {
        common.history.violated(format!("{name}: two users got this name"));
    }
}

async fn register(common: &Common, name: &str, which: &str) -> Outcome {
    let body = json!({"user": {"username": name, "email": format!("{name}.{which}@example.com"), "password": "correct horse battery"}});
    let start = common.history.now();
    let reply = common.client.send(reqwest::Method::POST, "/users", None, Some(&body)).await;
    common.note(Event::new(usize::MAX, Kind::Register, Some(Bucket::of_name(name)), name), start, &reply);
    reply.outcome
}
