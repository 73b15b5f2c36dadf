//! The published web application: its page, which stands for every path that names nothing else, and what the page is told.

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, REFERRER_POLICY},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use magnitude_chassis::{ApiError, AsItIs, Json, knows};
use magnitude_objects::{Hash, Key};
use serde_json::json;

use crate::{App, briefly::Briefly, publish::LARGEST_FILE, serve, settings};

pub struct Site {
    pub settings: settings::Site,
    /// Nothing while nothing is published.
    pub page: Briefly<Option<(Bytes, HeaderValue)>>,
}

/// Believed for so long by browsers and caches.
const CONFIG: HeaderValue = HeaderValue::from_static("public, max-age=10");
/// Kept, and asked for each time whether it is still the same.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// `GET /config.json`: where everything is.
pub async fn config(State(app): State<App>) -> Response {
    let settings::Site { api, edge, origin } = &app.site.settings;
    let edge = (!edge.is_empty()).then_some(edge);
    let headers = [(CACHE_CONTROL, CONFIG), (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")), serve::NO_SNIFF];
    (headers, Json(json!({ "api": api, "edge": edge, "origin": origin }))).into_response()
}

/// `GET /`.
pub async fn page(State(app): State<App>, headers: HeaderMap) -> Response {
    index(&app, &headers).await
}

/// Whatever no route is for: a file beside the page, or the page, which finds out for itself what the path means. Nothing that begins like
/// another part of the origin is the page.
pub async fn other(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if matches!(first, "api" | "internal") || is_folder(first) || !path.starts_with('/') {
        return serve::missing();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "not allowed");
        return ([(ALLOW, HeaderValue::from_static("GET, HEAD"))], error).into_response();
    }
    match beside(&uri) {
        Some((key, name)) => match app.objects.get_small(&key, LARGEST_FILE).await {
            Ok(Some(content)) => small(&headers, content, serve::content_type(&name)),
            Ok(None) => index(&app, &headers).await,
            Err(error) => serve::unavailable(error),
        },
        None => index(&app, &headers).await,
    }
}

/// Also encoded or in other letters, as proxies may decode a path.
fn is_folder(first: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(first).decode_utf8_lossy().to_ascii_lowercase();
    let first = decoded.split(['/', '\\']).next().unwrap_or_default();
    matches!(first, "assets" | "objects" | "api" | "." | "..")
}

/// A file such as `/robots.txt`.
fn beside(uri: &Uri) -> Option<(Key, String)> {
    let name = uri.path().strip_prefix('/')?;
    (name.contains('.') && name != "index.html").then(|| Some((Key::within("web", name)?, name.to_owned())))?
}

async fn index(app: &App, asked: &HeaderMap) -> Response {
    let key = Key::within("web", "index.html").expect("it is a segment");
    let found = app.site.page.get(async || {
        let content = app.objects.get_small(&key, LARGEST_FILE).await?;
        Ok::<_, magnitude_objects::Error>(content.map(|content| (content.clone(), tag(&content))))
    });
    match found.await {
        Ok(found) => match &*found {
            Some((content, tag)) => tagged(asked, content.clone(), tag, "text/html; charset=utf-8", &policy(&app.site.settings)),
            None => unpublished(),
        },
        Err(error) => serve::unavailable(error),
    }
}

fn small(asked: &HeaderMap, content: Bytes, content_type: &'static str) -> Response {
    let tag = tag(&content);
    tagged(asked, content, &tag, content_type, &HeaderValue::from_static("default-src 'none'"))
}

fn tagged(asked: &HeaderMap, content: Bytes, tag: &HeaderValue, content_type: &'static str, policy: &HeaderValue) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (ETAG, tag.clone()),
        (CACHE_CONTROL, ASK),
        (CONTENT_SECURITY_POLICY, policy.clone()),
        (REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
        serve::NO_SNIFF,
    ];
    if knows(asked, tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, HeaderValue::from_static(content_type))], content).into_response()
}

fn tag(content: &[u8]) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", Hash::of(content))).expect("hexadecimal digits are visible")
}

/// Scripts and styles from here and from the edge; images from anywhere, since users name them.
fn policy(site: &settings::Site) -> HeaderValue {
    let from: Vec<&str> = ["'self'", &site.edge, &site.origin].into_iter().filter(|source| !source.is_empty()).collect();
    let from = from.join(" ");
    let policy = format!(
        "default-src 'none'; script-src {from}; style-src {from}; font-src {from}; img-src 'self' http: https: data:; connect-src {from}; \
         manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    // The settings were checked: they are origins.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

fn unpublished() -> Response {
    let page = "The service is running, but no web application is published yet.\n\nBuild it (npm ci && npm run build in services/web), \
                then publish it: media publish services/web/dist\n";
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::NOT_FOUND, headers, page).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_of_ours_is_never_the_page() {
        for folder in ["assets", "Assets", "%61ssets", "objects", "assets%2f..", "..", "%2e%2e"] {
            assert!(is_folder(folder), "{folder}");
        }
        for page in ["", "login", "article", "profile", "@assets"] {
            assert!(!is_folder(page), "{page}");
        }
    }

    #[test]
    fn the_policy_names_the_edge_where_there_is_one() {
        let site = |edge: &str| settings::Site { api: "/api".to_owned(), edge: edge.to_owned(), origin: String::new() };

        let with = policy(&site("http://localhost:8081"));
        assert!(with.to_str().unwrap().contains("script-src 'self' http://localhost:8081; style-src"), "{with:?}");
        let without = policy(&site(""));
        assert!(without.to_str().unwrap().contains("script-src 'self'; style-src 'self'; font-src 'self'; img-src"), "{without:?}");
    }
}
