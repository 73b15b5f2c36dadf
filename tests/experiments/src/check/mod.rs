//! What must be true when the load has stopped. Each checker returns sentences; none is good.

mod acknowledged;
mod counters;
mod leftovers;
mod mirrors;
mod names;
mod notifications;
mod own_reads;
mod owners;
mod settled;

pub use acknowledged::acknowledged;
pub use counters::counters;
pub use leftovers::leftovers;
pub use mirrors::mirrors;
pub use names::names;
pub use notifications::notifications;
pub use own_reads::own_reads;
pub use owners::owners;
pub use settled::settled;

use crate::{databases::Databases, load::Record};

/// What one checker found.
pub struct Found {
    pub checker: &'static str,
    pub violations: Vec<String>,
}

/// All of them, once the jobs are done.
pub async fn all(databases: &Databases, record: &Record) -> anyhow::Result<Vec<Found>> {
    let found = |checker, violations| Found { checker, violations };
    Ok(vec![
        found("jobs", settled(databases).await?),
        found("acknowledged", acknowledged(record).await?),
        found("own reads", own_reads(record)),
        found("owners", owners(databases).await?),
        found("leftovers of moves", leftovers(databases).await?),
        found("names", names(databases).await?),
        found("counters", counters(databases).await?),
        found("mirrors", mirrors(databases).await?),
        found("notifications", notifications(databases).await?),
    ])
}
