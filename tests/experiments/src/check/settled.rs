use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::databases::{Databases, SERVICES};

/// A taken job is tried again after 30 s, and a failed one later and later.
const PATIENCE: Duration = Duration::from_secs(90);
const STEP: Duration = Duration::from_millis(250);

const WAITING: &str = "
    select kind || ': ' || count(*) from jobs.jobs where bucket in (select bucket from sharding.held) group by kind";

/// Waits until no job is left, since mirrors and look-ups may be late until then. Says which jobs were not done in time.
pub async fn settled(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = left(databases).await?;
        if left.is_empty() || Instant::now() > end {
            return Ok(left);
        }
        sleep(STEP).await;
    }
}

async fn left(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    for (shard, name) in databases.shards().iter().enumerate() {
        for service in SERVICES {
            let mut primary = databases.primary(shard, service).await?;
            let kinds: Vec<String> = sqlx::query_scalar(WAITING).fetch_all(&mut primary).await?;
            left.extend(kinds.into_iter().map(|jobs| format!("{service} on {name}: jobs that are not done: {jobs}")));
        }
    }
    Ok(left)
}
