//! A worker in a process of its own, to be killed.

use std::process::{Child, Command, Stdio};

use magnitude_kit::Connected;
use magnitude_sharding::ShardSettings;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    bench::{Bench, jobs},
    jobs::State,
};

const VARIABLE: &str = "JOBS_TEST_WORKER";

#[derive(Serialize, Deserialize)]
struct Told {
    database: magnitude_sharding::Settings,
    shards: Vec<ShardSettings>,
    broker: magnitude_jobs::Settings,
}

/// Starts it for the databases and queues of a test.
pub fn start(bench: &Bench) -> Child {
    let (database, shards) = bench.cluster.settings();
    let told = serde_json::to_string(&Told { database, shards, broker: bench.broker.clone() }).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child::a_worker_in_a_process_of_its_own"]).env(VARIABLE, told);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Does nothing unless it was started as such a process.
#[tokio::test]
async fn a_worker_in_a_process_of_its_own() {
    let Ok(told) = std::env::var(VARIABLE) else { return };
    let told: Told = serde_json::from_str(&told).unwrap();
    let Connected { shards, .. } = &Connected::new(&told.database, &told.shards).await;
    // Killed at the latest by the end of the test that started it, should that forget.
    let life = std::time::Duration::from_mins(2);
    let work = jobs().work(shards.clone(), State::new(), told.broker, CancellationToken::new());
    tokio::time::timeout(life, work).await.ok();
}
