use std::time::{Duration, Instant};

/// Waits until `state` holds, at most ten seconds; panics with `what` after that.
pub async fn eventually(what: &str, state: impl AsyncFnMut() -> bool) {
    eventually_within(Duration::from_secs(10), what, state).await;
}

/// The same with another bound.
pub async fn eventually_within(bound: Duration, what: &str, mut state: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + bound;
    while !state().await {
        assert!(Instant::now() < limit, "{what}: not within {bound:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
