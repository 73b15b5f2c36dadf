//! Serialized answers of what is read often, for as long as all that they were made of stands; and the tags by which a client knows
//! that it has an answer already.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY},
        request::Parts as Head,
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use magnitude_cache::{Cache, Parts};
use serde::Serialize;

use crate::{ApiError, answer::JSON};

/// Bytes of answers that a process keeps.
const ROOM: usize = 16 << 20;
/// Longer ones are not looked for: they would fill the room with names.
const LONGEST_URI: usize = 512;
/// Hits a second from which on the parts of an answer count as hot, though nobody read them meanwhile.
const RATE: f64 = 50.0;

/// The answers of one process to those who are not signed in, by path and query.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    answers: HashMap<Box<str>, Arc<Answer>>,
    bytes: usize,
}

/// One answer. Cloned into a response's extensions it tells the layer what to keep.
#[derive(Clone)]
struct Made(Arc<Answer>);

struct Answer {
    body: Bytes,
    tag: HeaderValue,
    parts: Parts,
    made: Instant,
    hits: AtomicU32,
}

impl Answers {
    /// Answers GETs without a session from what is kept, and keeps what the router answers to them.
    pub fn around(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), serve))
    }

    fn get(&self, uri: &str) -> Option<Arc<Answer>> {
        self.0.lock().expect("no holder of this lock panics").answers.get(uri).cloned()
    }

    fn keep(&self, uri: &str, answer: Arc<Answer>) {
        let mut guard = self.0.lock().expect("no holder of this lock panics");
        let kept = &mut *guard;
        if let Some(old) = kept.answers.remove(uri) {
            kept.bytes -= old.body.len();
        }
        if kept.bytes + answer.body.len() > ROOM {
            let now = Instant::now();
            kept.answers.retain(|_, answer| answer.parts.are_live(now));
            kept.bytes = kept.answers.values().map(|answer| answer.body.len()).sum();
        }
        if kept.bytes + answer.body.len() <= ROOM {
            kept.bytes += answer.body.len();
            kept.answers.insert(uri.into(), answer);
        }
    }
}

async fn serve(State(answers): State<Answers>, mut request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or("/", |uri| uri.as_str());
    if request.method() != Method::GET || request.headers().contains_key(AUTHORIZATION) || uri.len() > LONGEST_URI {
        return next.run(request).await;
    }
    let before = answers.get(uri);
    if let Some(answer) = &before
        && answer.parts.are_live(Instant::now())
    {
        answer.hits.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("answers_kept_total").increment(1);
        return answer.response(request.headers());
    }
    let uri: Box<str> = uri.into();
    if let Some(before) = before {
        request.extensions_mut().insert(Made(before));
    }
    let mut response = next.run(request).await;
    if let Some(Made(answer)) = response.extensions_mut().remove()
        && answer.parts.are_live(Instant::now())
    {
        answers.keep(&uri, answer);
    }
    response
}

impl Answer {
    fn response(&self, request: &HeaderMap) -> Response {
        respond(request, &self.tag, || self.body.clone())
    }

    fn is_hot(&self) -> bool {
        let age = self.made.elapsed().max(Duration::from_millis(100)).as_secs_f64();
        f64::from(self.hits.load(Ordering::Relaxed)) / age > RATE
    }
}

/// Without a body where the client has it.
fn respond(request: &HeaderMap, tag: &HeaderValue, body: impl FnOnce() -> Bytes) -> Response {
    let fresh =
        [(ETAG, tag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache")), (VARY, HeaderValue::from_static("authorization"))];
    if matches(request, tag) {
        return (StatusCode::NOT_MODIFIED, fresh).into_response();
    }
    (fresh, [(CONTENT_TYPE, JSON)], body()).into_response()
}

/// RFC 9110, 13.1.2: any of the listed tags, weak ones too, or `*`.
fn matches(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let listed = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    listed.map(str::trim).any(|listed| listed == "*" || listed.trim_start_matches("W/").as_bytes() == tag.as_bytes())
}

/// How a handler reads and answers what may be cached.
pub struct Reading {
    headers: HeaderMap,
    before: Option<Made>,
}

impl<S: Sync> FromRequestParts<S> for Reading {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Infallible> {
        let mut headers = HeaderMap::new();
        for value in head.headers.get_all(IF_NONE_MATCH) {
            headers.append(IF_NONE_MATCH, value.clone());
        }
        Ok(Self { headers, before: head.extensions.get().cloned() })
    }
}

impl Reading {
    /// The cache to read through for this answer: `wrote` if the session wrote a moment ago, `untold` if the cache was not told of it.
    pub fn cache(&self, cache: &Cache, wrote: bool, untold: bool) -> Cache {
        let cache = cache.recording(self.before.as_ref().is_some_and(|before| before.0.is_hot()));
        match (untold, wrote) {
            (true, _) => cache.bypassed(),
            (false, true) => cache.skipping_copies(),
            (false, false) => cache,
        }
    }

    /// Answers with what was read through `cache`: not again if the client has it, and without serializing it again if this process has.
    pub fn answer<T: Serialize>(&self, cache: &Cache, body: impl FnOnce() -> T) -> Response {
        let Some(parts) = cache.recorded() else { return crate::Json(body()).into_response() };
        let before = self.before.as_ref().map(|Made(before)| before).filter(|before| before.parts.tag == parts.tag);
        let tag = tag(parts.tag);
        // Not made at all where nobody needs it: the client has it, and it is not asked for often enough to be kept.
        if before.is_none() && matches(&self.headers, &tag) && !parts.are_live(Instant::now()) {
            return respond(&self.headers, &tag, Bytes::new);
        }
        let made = match before {
            Some(before) => before.body.clone(),
            None => match serde_json::to_vec(&body()) {
                Ok(body) => body.into(),
                Err(error) => return ApiError::internal(error).into_response(),
            },
        };
        let answer = Answer { body: made, tag, parts, made: Instant::now(), hits: AtomicU32::new(0) };
        let mut response = answer.response(&self.headers);
        response.extensions_mut().insert(Made(Arc::new(answer)));
        response
    }
}

fn tag(state: u64) -> HeaderValue {
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
