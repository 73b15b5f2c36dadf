//! Writes that Redis was too slow to be told of: until it is told again, a moment later, others may be shown what they made old.

use magnitude_load::{client, instance};

use crate::run::Run;

/// How many there have been, by all instances of all services.
pub async fn writes(run: &Run) -> anyhow::Result<f64> {
    let (http, stack) = (client::http()?, run.stack()?);
    let mut untold = 0.0;
    for instance in stack.services.values().flatten() {
        // A counter is there from its first count on.
        untold += instance::metric(&http, &instance.operator, "cache_voids_failed_total").await.unwrap_or(0.0);
    }
    Ok(untold)
}
