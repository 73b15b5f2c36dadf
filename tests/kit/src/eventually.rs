use std::time::{Duration, Instant};

/// Waits until `state` holds, at most ten seconds; panics with `what` after that.
pub async fn eventually(what: &str, mut state: impl AsyncFnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !state().await {
        assert!(Instant::now() < limit, "{what}: not within 10 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
