use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// What an origin answers for one path.
#[derive(Clone, Debug)]
pub struct Thing {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// Answers a request before it has read its body.
    pub(crate) hasty: bool,
}

impl Thing {
    /// As the media service serves an object: for ever.
    pub fn of(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let etag = format!("\"{}\"", &hash(&body)[..16]);
        let thing = Self { status: StatusCode::OK, headers: HeaderMap::new(), body, hasty: false };
        let thing = thing.with("content-type", "image/webp").with("cache-control", "public, max-age=31536000, immutable");
        thing.with("etag", &etag).with("accept-ranges", "bytes")
    }

    /// For so many seconds.
    #[must_use]
    pub fn lasting(self, seconds: u32) -> Self {
        self.with("cache-control", &format!("public, max-age={seconds}"))
    }

    #[must_use]
    pub fn failing(self, status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).expect("a status"), ..self }
    }

    /// One header, in place of another of this name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the name of a header");
        self.headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    #[must_use]
    pub fn hasty(self) -> Self {
        Self { hasty: true, ..self }
    }

    /// What whoever asked with these headers gets.
    pub(crate) fn answer(self, asked: &HeaderMap) -> Response {
        let etag = self.headers.get(header::ETAG);
        if self.status == StatusCode::OK && etag.is_some() && asked.get(header::IF_NONE_MATCH) == etag {
            let mut headers = self.headers;
            headers.remove(header::CONTENT_TYPE);
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (self.status, self.headers, Body::from(self.body)).into_response()
    }
}

/// What an object of this content is called.
pub fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
