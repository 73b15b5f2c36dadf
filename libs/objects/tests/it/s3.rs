//! As much of an S3 as the lib calls, in this process and in memory, for quick tests: `make test-s3` runs the same suite against a real one. It
//! checks no signatures. A list has pages of a hundred.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::{SecondsFormat, Utc};

const PAGE: usize = 100;

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Bytes>,
    /// Parts by their upload's id.
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
}

type Shared = Arc<Mutex<Bucket>>;

/// Serves until the test's runtime ends. Returns its URL.
pub async fn serve() -> String {
    let router = Router::new().fallback(answer).with_state(Shared::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, router.layer(axum::extract::DefaultBodyLimit::disable())).await });
    url
}

async fn answer(State(bucket): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let query: BTreeMap<&str, &str> =
        uri.query().unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let key = uri.path().trim_start_matches("/test").trim_start_matches('/').to_owned();
    let mut bucket = bucket.lock().unwrap();
    let (upload, part) = (query.get("uploadId").map(ToString::to_string), query.get("partNumber"));
    match (method.as_str(), upload, part) {
        ("POST", None, _) if query.contains_key("delete") => bucket.delete(&String::from_utf8_lossy(&body)),
        ("POST", None, _) => bucket.begin(),
        ("PUT", Some(upload), Some(part)) => bucket.part(&upload, part.parse().unwrap(), body),
        ("POST", Some(upload), _) => bucket.complete(&upload, key),
        ("DELETE", Some(upload), _) => {
            bucket.uploads.remove(&upload);
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT", None, _) => {
            bucket.objects.insert(key, body);
            [("etag", "\"x\"")].into_response()
        }
        ("GET", None, _) if key.is_empty() => bucket.list(&query),
        ("GET" | "HEAD", None, _) => bucket.get(&key, &headers),
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}

impl Bucket {
    fn begin(&mut self) -> Response {
        let id = format!("upload-{}", self.uploads.len() + 1);
        self.uploads.insert(id.clone(), BTreeMap::new());
        format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>").into_response()
    }

    fn part(&mut self, upload: &str, number: u32, body: Bytes) -> Response {
        match self.uploads.get_mut(upload) {
            Some(parts) => {
                parts.insert(number, body);
                [("etag", "\"part\"")].into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    /// As in a real one, every part but the last has 5 MiB at least.
    fn complete(&mut self, upload: &str, key: String) -> Response {
        let Some(parts) = self.uploads.remove(upload) else { return StatusCode::NOT_FOUND.into_response() };
        let parts: Vec<Bytes> = parts.into_values().collect();
        if parts.iter().rev().skip(1).any(|part| part.len() < 5 << 20) {
            return StatusCode::BAD_REQUEST.into_response();
        }
        self.objects.insert(key, parts.concat().into());
        "<CompleteMultipartUploadResult><ETag>\"x\"</ETag></CompleteMultipartUploadResult>".into_response()
    }

    fn delete(&mut self, body: &str) -> Response {
        let keys = body.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        let mut answer = "<DeleteResult>".to_owned();
        for (key, _) in keys {
            self.objects.remove(key);
            answer.extend(["<Deleted><Key>", key, "</Key></Deleted>"]);
        }
        (answer + "</DeleteResult>").into_response()
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let Some(content) = self.objects.get(key) else { return StatusCode::NOT_FOUND.into_response() };
        let modified = Utc::now().to_rfc2822().replace("+0000", "GMT");
        let about = [("etag", "\"x\"".to_owned()), ("last-modified", modified)];
        let range = headers.get("range").and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
        let Some((from, to)) = range else { return (about, content.clone()).into_response() };
        let from: usize = from.parse().unwrap();
        let to = to.parse::<usize>().map_or(content.len(), |to| content.len().min(to + 1));
        if from >= to {
            return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
        }
        let range = [("content-range", format!("bytes {from}-{}/{}", to - 1, content.len()))];
        (StatusCode::PARTIAL_CONTENT, about, range, content.slice(from..to)).into_response()
    }

    fn list(&self, query: &BTreeMap<&str, &str>) -> Response {
        let text = |name: &str| query.get(name).unwrap_or(&"").replace("%2F", "/");
        let (prefix, after) = (text("prefix"), text("continuation-token"));
        let found = self.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let page: Vec<_> = found.clone().take(PAGE).collect();
        let more = found.count() > page.len();
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let entry = |key: &str, size: usize| {
            format!("<Contents><Key>{key}</Key><LastModified>{now}</LastModified><ETag>\"x\"</ETag><Size>{size}</Size></Contents>")
        };
        let entries: String = page.iter().map(|(key, content)| entry(key, content.len())).collect();
        let last = page.last().filter(|_| more).map(|(key, _)| format!("<NextContinuationToken>{key}</NextContinuationToken>"));
        format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{}{entries}</ListBucketResult>", last.unwrap_or_default())
            .into_response()
    }
}
