//! The trace that jobs belong to: of the request that wrote them, or of the job that did.

tokio::task_local! {
    static TRACEPARENT: Option<String>;
}

/// Longer ones are no `traceparent` of W3C's.
const LONGEST: usize = 128;

/// Jobs that `work` writes belong to this trace.
pub async fn traced<F: Future>(traceparent: Option<String>, work: F) -> F::Output {
    TRACEPARENT.scope(traceparent.filter(|text| text.len() <= LONGEST), work).await
}

pub(crate) fn current() -> Option<String> {
    TRACEPARENT.try_with(Clone::clone).ok().flatten()
}
