//! Files that never change, as browsers and caches want them: types, tags, ranges.

use std::ops::Range;

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, knows};
use magnitude_objects::{Error, Key, Objects};

/// The folder of the web application's hashed files.
pub const ASSETS: &str = "web/assets";

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
pub const NO_SNIFF: (HeaderName, HeaderValue) = (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// What is known of a file without its content.
pub struct Known {
    pub size: u64,
    /// Of a strong `ETag`, without its quotes.
    pub tag: String,
    pub content_type: &'static str,
}

pub struct File<'a> {
    pub key: &'a Key,
    pub known: &'a Known,
}

/// 200, 206, 304 or 416.
pub async fn file(objects: &Objects, file: File<'_>, method: &Method, headers: &HeaderMap) -> Response {
    let Known { size, tag, content_type } = file.known;
    let tag = HeaderValue::from_str(&format!("\"{tag}\"")).expect("tags are of visible characters");
    let common = [
        (ETAG, tag.clone()),
        (CACHE_CONTROL, FOR_EVER),
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        NO_SNIFF,
    ];
    if knows(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let asked = asked(headers, *size, &tag);
    let (status, range) = match asked {
        Asked::Whole => (StatusCode::OK, 0..*size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => return unsatisfiable(*size),
    };
    let body = match body(objects, file.key, &range, *size, method).await {
        Ok(Some(body)) => body,
        Ok(None) => return missing(),
        Err(error) => return unavailable(error),
    };
    let length = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CONTENT_LENGTH, HeaderValue::from(range.end - range.start))];
    let mut response = (status, common, length, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        response.headers_mut().insert(CONTENT_RANGE, content_range(&range, *size));
    }
    response
}

async fn body(objects: &Objects, key: &Key, range: &Range<u64>, size: u64, method: &Method) -> Result<Option<Body>, Error> {
    if method == Method::HEAD || size == 0 {
        return Ok(Some(Body::empty()));
    }
    let part = (*range != (0..size)).then(|| range.clone());
    Ok(objects.get(key, part).await?.map(|object| Body::from_stream(object.content)))
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Nothing,
}

/// One range of bytes, of the file that the client has a part of. Anything else is answered with the whole, as is allowed.
fn asked(headers: &HeaderMap, size: u64, tag: &HeaderValue) -> Asked {
    let Some(text) = headers.get(RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")) else { return Asked::Whole };
    if headers.get(IF_RANGE).is_some_and(|wanted| wanted != tag) {
        return Asked::Whole;
    }
    let Some((from, to)) = text.split_once('-') else { return Asked::Whole };
    let number = |text: &str| if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    let range = match (from, number(from), to, number(to)) {
        ("", _, _, Some(last)) => size.saturating_sub(last)..if last == 0 { 0 } else { size },
        (_, Some(from), "", _) => from..size,
        (_, Some(from), _, Some(to)) if from <= to => from..size.min(to.saturating_add(1)),
        // Also several: nothing of ours is large enough to need that.
        _ => return Asked::Whole,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Nothing }
}

fn content_range(range: &Range<u64>, size: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes {}-{}/{size}", range.start, range.end - 1)).expect("numbers are visible")
}

fn unsatisfiable(size: u64) -> Response {
    let range = HeaderValue::from_str(&format!("bytes */{size}")).expect("numbers are visible");
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "is not in the file");
    ([(CONTENT_RANGE, range), NO_STORE], error).into_response()
}

const NO_STORE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Never a page: what asked for a script must not get one. Nobody keeps it: it may be published in a moment.
pub fn missing() -> Response {
    ([NO_STORE], ApiError::not_found("path")).into_response()
}

pub fn unavailable(error: Error) -> Response {
    ([NO_STORE], ApiError::unavailable(error)).into_response()
}

/// By the name's end. Everything is served with `nosniff`, so what is not here is only data.
pub fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        asked(&headers, 100, &HeaderValue::from_static("\"x\""))
    }

    #[test]
    fn a_range_is_cut_to_the_file_or_cannot_be() {
        assert_eq!(of("bytes=0-0"), Asked::Part(0..1));
        assert_eq!(of("bytes=90-"), Asked::Part(90..100));
        assert_eq!(of("bytes=90-5000"), Asked::Part(90..100));
        assert_eq!(of("bytes=-5"), Asked::Part(95..100));
        assert_eq!(of("bytes=-500"), Asked::Part(0..100));
        for outside in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(of(outside), Asked::Nothing, "{outside}");
        }
        for other in
            ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "lines=0-1", "bytes=+1-2", "bytes=a-b", "bytes=99999999999999999999-"]
        {
            assert_eq!(of(other), Asked::Whole, "{other}");
        }
    }
}
