//! The one way to wait here: for a state, with a bound.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::{Instant, sleep};

/// Between two questions that cost something.
pub const STEP: Duration = Duration::from_millis(100);

/// Asks again and again until there is an answer, and returns it. Fails with `what` after `bound`, and at once where the question fails.
pub async fn until<T>(
    what: &str,
    bound: Duration,
    step: Duration,
    mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = Instant::now() + bound;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        ensure!(Instant::now() < end, "{what}: not within {bound:?}");
        sleep(step).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_waited_for_and_its_absence_has_a_bound() {
        let mut asked = 0;
        let third = until("the third", Duration::from_secs(10), Duration::from_millis(1), async || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(third.await.expect("it comes"), 3);

        let never = until("rain", Duration::from_millis(5), Duration::from_millis(1), async || Ok(None::<()>)).await;
        assert_eq!(never.expect_err("it does not come").to_string(), "rain: not within 5ms");
    }
}
