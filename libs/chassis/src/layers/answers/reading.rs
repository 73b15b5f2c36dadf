use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    extract::FromRequestParts,
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH},
        request::Parts as Head,
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use magnitude_cache::Cache;
use serde::Serialize;

use super::answer::{Answer, Made, matches, respond, tag};
use crate::{ApiError, answer::JSON};

/// How a handler reads and answers what may be cached.
pub struct Reading {
    headers: HeaderMap,
    before: Option<Arc<Answer>>,
    /// Whether there is a token, good or not.
    signed: bool,
    /// Whether the whole of it is for one user.
    private: bool,
}

/// What is kept at an address as anybody sees it, with what the handler noted.
pub struct KeptAnswer<A> {
    answer: Arc<Answer>,
    about: Arc<A>,
}

impl<S: Sync> FromRequestParts<S> for Reading {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Head, _: &S) -> Result<Self, Infallible> {
        let mut headers = HeaderMap::new();
        for value in head.headers.get_all(IF_NONE_MATCH) {
            headers.append(IF_NONE_MATCH, value.clone());
        }
        let before = head.extensions.get::<Made>().map(|Made(before)| before.clone());
        Ok(Self { headers, before, signed: head.headers.contains_key(AUTHORIZATION), private: false })
    }
}

impl Reading {
    /// For an address where every user sees something else: nothing is kept there.
    #[must_use]
    pub fn private(self) -> Self {
        Self { before: None, private: true, ..self }
    }

    /// The caches to read through for this answer: for what anybody sees, and for what the viewer alone sees. `wrote` if the session
    /// wrote a moment ago, `untold` if the cache was not told of it.
    pub fn caches(&self, cache: &Cache, wrote: bool, untold: bool) -> (Cache, Cache) {
        let through = |cache: Cache| match (untold, wrote) {
            (true, _) => cache.bypassed(),
            (false, true) => cache.skipping_copies(),
            (false, false) => cache,
        };
        let hot = self.before.as_ref().is_some_and(|before| before.is_hot());
        (through(cache.recording(hot)), through(cache.recording(false)))
    }

    /// Answers what everybody sees alike, or one user only, with what was read through `cache`: not again if the client has it. What
    /// somebody with a token gets is not kept.
    pub fn answer<T: Serialize>(&self, cache: &Cache, body: impl FnOnce() -> T) -> Response {
        self.answer_to(cache, None, (), body, |(), body| body)
    }

    /// Answers `body`, which anybody may see and which was read through `shared`, after `fill` has set in its text what the viewer
    /// alone sees and what was read through `own`. `about` is kept with it, for [`Reading::kept`].
    pub fn answer_to<A, T>(
        &self,
        shared: &Cache,
        own: Option<&Cache>,
        about: A,
        body: impl FnOnce() -> T,
        fill: impl FnOnce(&A, Bytes) -> Bytes,
    ) -> Response
    where
        A: Send + Sync + 'static,
        T: Serialize,
    {
        let serialized = || serde_json::to_vec(&body()).map(Bytes::from);
        let Some(parts) = shared.recorded() else {
            return serialized().map_or_else(refused, |body| untagged(fill(&about, body)));
        };
        let tag = own.map_or(Some(0), Cache::recorded_tag).map(|own| tag(parts.tag.wrapping_add(own)));
        // What one user alone sees, as a whole, is neither kept nor like anything that is.
        let private = self.private || self.signed && own.is_none();
        let before = self.before.as_ref().filter(|before| !private && before.parts.tag == parts.tag && before.about.is::<A>());
        // Not made at all where nobody needs it: the client has it, and it is not asked for often enough to be kept.
        if let Some(tag) = &tag
            && before.is_none()
            && matches(&self.headers, tag)
            && !parts.are_live(Instant::now())
        {
            return respond(&self.headers, tag, Bytes::new);
        }
        let body = match before.map_or_else(serialized, |before| Ok(before.body.clone())) {
            Ok(body) => body,
            Err(error) => return refused(error),
        };
        let about = Arc::new(about);
        let filled = || fill(&about, body.clone());
        let mut response = match tag {
            Some(tag) => respond(&self.headers, &tag, filled),
            None => untagged(filled()),
        };
        if !private {
            response.extensions_mut().insert(Made(Arc::new(Answer::new(body, parts, about.clone()))));
        }
        response
    }

    /// What is kept at this address, while all that it was made of stands: not for a session that wrote a moment ago.
    pub fn kept<A: Send + Sync + 'static>(&self, wrote: bool) -> Option<KeptAnswer<A>> {
        let answer = self.before.clone().filter(|before| !wrote && before.parts.are_live(Instant::now()))?;
        let about = answer.about.clone().downcast().ok()?;
        answer.hit();
        Some(KeptAnswer { answer, about })
    }

    /// The same as [`Reading::answer_to`], with what is kept.
    pub fn answer_kept<A>(&self, kept: &KeptAnswer<A>, own: &Cache, fill: impl FnOnce(&A, Bytes) -> Bytes) -> Response {
        let filled = || fill(&kept.about, kept.answer.body.clone());
        match own.recorded_tag() {
            Some(own) => respond(&self.headers, &tag(kept.answer.parts.tag.wrapping_add(own)), filled),
            None => untagged(filled()),
        }
    }
}

impl<A> KeptAnswer<A> {
    pub fn about(&self) -> &A {
        &self.about
    }
}

fn untagged(body: Bytes) -> Response {
    ([(CONTENT_TYPE, JSON)], body).into_response()
}

fn refused(error: serde_json::Error) -> Response {
    ApiError::internal(error).into_response()
}
