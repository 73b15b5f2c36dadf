use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use magnitude_cache::Parts;

use crate::answer::JSON;

/// Hits a second from which on the parts of an answer count as hot, though nobody read them meanwhile.
const RATE: f64 = 50.0;

/// One answer as anybody sees it.
pub struct Answer {
    pub body: Bytes,
    pub parts: Parts,
    /// What a handler noted with it.
    pub about: Arc<dyn Any + Send + Sync>,
    made: Instant,
    hits: AtomicU32,
}

/// Cloned into a response's extensions it tells the layer what to keep.
#[derive(Clone)]
pub struct Made(pub Arc<Answer>);

impl Answer {
    pub fn new(body: Bytes, parts: Parts, about: Arc<dyn Any + Send + Sync>) -> Self {
        Self { body, parts, about, made: Instant::now(), hits: AtomicU32::new(0) }
    }

    pub fn response(&self, request: &HeaderMap) -> Response {
        respond(request, &tag(self.parts.tag), || self.body.clone())
    }

    /// Counts that this answer was used again.
    pub fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("answers_kept_total").increment(1);
    }

    pub fn is_hot(&self) -> bool {
        let age = self.made.elapsed().max(Duration::from_millis(100)).as_secs_f64();
        f64::from(self.hits.load(Ordering::Relaxed)) / age > RATE
    }
}

/// Without a body where the client has it.
pub fn respond(request: &HeaderMap, tag: &HeaderValue, body: impl FnOnce() -> Bytes) -> Response {
    let fresh =
        [(ETAG, tag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache")), (VARY, HeaderValue::from_static("authorization"))];
    if matches(request, tag) {
        return (StatusCode::NOT_MODIFIED, fresh).into_response();
    }
    (fresh, [(CONTENT_TYPE, JSON)], body()).into_response()
}

/// Whether a client has what this tag stands for. RFC 9110, 13.1.2: any of the tags in `If-None-Match`, weak ones too, or `*`.
pub fn matches(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let listed = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    listed.map(str::trim).any(|listed| listed == "*" || listed.trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

pub fn tag(state: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{state:016x}\"")).expect("hexadecimal digits are visible")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(listed: &str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(listed).unwrap())])
    }

    #[test]
    fn any_listed_tag_counts_weak_ones_too() {
        let tag = tag(0xabc);
        for listed in ["\"0000000000000abc\"", "\"x\", W/\"0000000000000abc\"", "*"] {
            assert!(matches(&asked(listed), &tag), "{listed}");
        }
        assert!(!matches(&asked("\"0000000000000abd\""), &tag));
        assert!(!matches(&HeaderMap::new(), &tag));
    }
}
