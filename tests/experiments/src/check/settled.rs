use std::time::Duration;

use crate::{databases::Databases, wait};

/// A taken job is tried again after 30 s, and a failed one later and later.
const PATIENCE: Duration = Duration::from_mins(5);
const STEP: Duration = Duration::from_millis(250);

const WAITING: &str = "
    select kind || ': ' || count(*) from jobs.jobs where bucket in (select bucket from sharding.held) group by kind";

/// Waits until no job is left, since mirrors and look-ups may be late until then. Says which jobs were not done in time.
pub async fn settled(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    let done = wait::until("the jobs' end", PATIENCE, STEP, async || {
        left = databases.everywhere(WAITING).await?;
        Ok(left.is_empty().then_some(()))
    });
    match done.await {
        // The shards did not answer.
        Err(error) if left.is_empty() => Err(error),
        _ => Ok(left.into_iter().map(|(place, jobs)| format!("{place}: jobs that are not done: {jobs}")).collect()),
    }
}
