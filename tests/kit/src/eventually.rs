use std::time::{Duration, Instant};

/// Waits until `state` holds, at most half a minute, which a busy machine may need; panics with `what` after that.
pub async fn eventually(what: &str, state: impl AsyncFnMut() -> bool) {
    eventually_within(Duration::from_secs(30), what, state).await;
}

/// The same with another bound.
pub async fn eventually_within(bound: Duration, what: &str, mut state: impl AsyncFnMut() -> bool) {
    until(bound, what, async || if state().await { Ok(()) } else { Err("") }).await;
}

/// Asks until the answer is the wanted one, and returns it; what came last instead is in the failure.
pub async fn until<T, O: std::fmt::Display>(bound: Duration, what: &str, mut ask: impl AsyncFnMut() -> Result<T, O>) -> T {
    let limit = Instant::now() + bound;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(other) => assert!(Instant::now() < limit, "{what}: not within {bound:?}; {other}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
