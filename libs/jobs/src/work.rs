use std::sync::Arc;

use magnitude_sharding::Shards;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Jobs, Settings, broker::Broker, gate::Gate, measure::measure, queues::Queues, relay::relay, schedule, session, worker::Worker,
};

/// All parts of a worker, until `stop`; what runs then is finished. Dropped, it ends them at once.
pub(crate) async fn work<S: Clone + Send + Sync + 'static>(
    jobs: Jobs<S>,
    shards: Shards,
    state: S,
    settings: Settings,
    stop: CancellationToken,
) {
    let (queues, gates) = (Queues::new(&settings.prefix, jobs.service), [(); 3].map(|()| Gate::new(settings.at_once)));
    let worker = Worker { runners: jobs.runners, shards: shards.clone(), state, settings, queues, gates, running: TaskTracker::new() };
    let (worker, broker, mut parts) = (Arc::new(worker), Arc::new(Broker::default()), JoinSet::new());
    for shard in shards.names() {
        parts.spawn(relay(worker.clone(), broker.clone(), shard, stop.clone()));
    }
    parts.spawn(session::keep(worker.clone(), broker, stop.clone()));
    parts.spawn(schedule::keep(jobs.schedules, shards, stop.clone()));
    parts.spawn(measure(worker.clone(), stop));
    // A part that panicked takes the others with it.
    parts.join_all().await;
    worker.running.close();
    worker.running.wait().await;
}
