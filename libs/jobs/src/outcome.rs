//! What becomes of a row when its job has run. Compared and set on its turn: of two deliveries that fail one counts.

use std::time::Duration;

use magnitude_sharding::{Error, Shards};

use crate::{
    JobError,
    enqueue::delete,
    park::park,
    row::{Row, Ticket},
};

/// While a part is down. Short: what waits for it is what readers do not see yet.
const WAIT: f64 = 3.0;
const LONGEST_DELAY: f64 = 60.0;

const POSTPONE: &str = "
    update jobs.jobs set due_at = clock_timestamp() + $3 * interval '1 second', attempt = attempt + $4, turn = turn + 1, published_until = null
    where bucket = $1 and id = $2 and turn = $5 and (select sharding.guard($1))";

/// Its name for the metrics.
pub(crate) async fn settle(shards: &Shards, ticket: &Ticket, row: &Row, outcome: Result<(), JobError>) -> Result<&'static str, Error> {
    let tries = row.attempt + 1;
    match outcome {
        Ok(()) | Err(JobError::Done) => delete(shards, ticket.bucket, ticket.id).await.map(|()| "done"),
        Err(JobError::Wait(error)) => {
            tracing::warn!(kind = row.kind, job.id = %ticket.id, error = %format_args!("{error:#}"), "a job waits for a part that is down");
            postpone(shards, ticket, jitter(WAIT), 0).await.map(|()| "waiting")
        }
        Err(JobError::Retry(error)) if tries < row.max_tries => {
            tracing::warn!(kind = row.kind, job.id = %ticket.id, tries, error = %format_args!("{error:#}"), "a job failed: it is tried again");
            postpone(shards, ticket, delay(tries), 1).await.map(|()| "retried")
        }
        Err(JobError::Retry(error) | JobError::GiveUp(error)) => {
            let reason = format!("{error:#}");
            tracing::error!(kind = row.kind, job.id = %ticket.id, tries, error = reason, "a job was given up and parked in jobs.dead");
            park(shards, ticket, &reason).await.map(|()| "dead")
        }
    }
}

async fn postpone(shards: &Shards, ticket: &Ticket, delay_s: f64, tries: i32) -> Result<(), Error> {
    shards.execute(ticket.bucket, POSTPONE, |q| q.bind(ticket.id).bind(delay_s).bind(tries).bind(ticket.turn)).await.map(drop)
}

/// Seconds: 2, 4, 8 … up to 60, each a quarter more or less, so that what failed together does not come back together.
fn delay(tries: i32) -> f64 {
    jitter(f64::from(1_u32 << tries.clamp(1, 6)).min(LONGEST_DELAY))
}

fn jitter(seconds: f64) -> f64 {
    seconds * rand::random_range(0.75..=1.25)
}

/// A job runs at most so long: less than what is left of a publication when it starts.
pub(crate) const LONGEST: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use super::delay;

    #[test]
    fn delays_grow_and_stay_bounded() {
        assert!((1.5..=2.5).contains(&delay(1)));
        assert!((6.0..=10.0).contains(&delay(3)));
        assert!((45.0..=75.0).contains(&delay(40)));
    }
}
