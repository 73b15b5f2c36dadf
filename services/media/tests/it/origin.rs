//! What the edge and browsers fetch.

use std::process::{Command, Output};

use magnitude_kit::Folder;
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    app::{STORE, TestApp, send},
    images::jpeg,
};

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A built web application.
fn release(folder: &Folder, script: &str) -> std::path::PathBuf {
    let dist = folder.path().join(format!("dist-{script}"));
    std::fs::create_dir_all(dist.join("assets")).unwrap();
    std::fs::write(dist.join("index.html"), format!("<!doctype html><script src=/assets/{script}></script>")).unwrap();
    std::fs::write(dist.join("assets").join(script), format!("console.log('{script}')")).unwrap();
    std::fs::write(dist.join("assets/default-avatar-1.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    std::fs::write(dist.join("robots.txt"), "User-agent: *\n").unwrap();
    dist
}

/// Runs the binary as whoever publishes does.
fn media(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_media"));
    command.args(arguments).env("MAGNITUDE_OBJECTS__STORE", folder.path().join(STORE)).env("MAGNITUDE_TELEMETRY__FORMAT", "text");
    command.output().expect("it starts")
}

fn publish(folder: &Folder, script: &str) {
    let output = media(folder, &["publish", &release(folder, script).display().to_string()]);
    assert!(output.status.success(), "{output:?}");
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    of(response.headers(), name)
}

fn of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn get(app: &TestApp, path: &str) -> Response {
    app.get(path).send().await.unwrap()
}

#[tokio::test]
async fn without_a_release_the_page_says_how_to_publish_one() {
    let app = TestApp::new().await;
    let page = get(&app, "/").await;

    assert_eq!((page.status(), header(&page, "cache-control")), (StatusCode::NOT_FOUND, "no-store"));
    assert_eq!(header(&page, "content-type"), "text/plain; charset=utf-8");
    assert!(page.text().await.unwrap().contains("media publish"));
}

#[tokio::test]
async fn the_page_stands_for_every_path_that_names_nothing_else() {
    let app = TestApp::new().await;
    publish(&app.folder, "loader-1.js");
    for path in ["/", "/login", "/article/some-slug-2", "/profile/j%C3%B6rg/favorites", "/no-such.file", "/index.html"] {
        let page = get(&app, path).await;
        assert_eq!((page.status(), header(&page, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"), "{path}");
        assert_eq!(header(&page, "cache-control"), "no-cache", "{path}");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff", "{path}");
        let policy = header(&page, "content-security-policy").to_owned();
        assert!(policy.contains("script-src 'self' http://localhost:8081;") && !policy.contains("unsafe"), "{policy}");
        let tag = header(&page, "etag").to_owned();
        assert!(page.text().await.unwrap().contains("loader-1.js"), "{path}");
        let again = app.get(path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert!(again.headers().contains_key("content-security-policy"), "a page that is kept has its policy too");
    }
    let head = app.http.head(app.url("/login")).send().await.unwrap();
    assert_eq!((head.status(), header(&head, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let robots = get(&app, "/robots.txt").await;
    assert_eq!((header(&robots, "content-type"), header(&robots, "cache-control")), ("text/plain; charset=utf-8", "no-cache"));
    assert_eq!(robots.text().await.unwrap(), "User-agent: *\n");
    let posted = app.http.post(app.url("/login")).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_release_comes_with_all_its_files_and_leaves_those_of_the_last_one() {
    let app = TestApp::new().await;
    publish(&app.folder, "loader-1.js");
    publish(&app.folder, "loader-2.js");
    magnitude_kit::eventually("the new page is shown", async || get(&app, "/").await.text().await.unwrap().contains("loader-2.js")).await;

    for script in ["loader-1.js", "loader-2.js"] {
        let asset = get(&app, &format!("/assets/{script}")).await;
        assert_eq!((asset.status(), header(&asset, "content-type")), (StatusCode::OK, "text/javascript; charset=utf-8"), "{script}");
        assert_eq!(header(&asset, "cache-control"), FOR_EVER, "{script}");
        assert_eq!(header(&asset, "access-control-allow-origin"), "*", "{script}");
        assert_eq!(header(&asset, "x-content-type-options"), "nosniff", "{script}");
        assert!(asset.text().await.unwrap().contains(script));
    }
    let avatar = get(&app, "/assets/default-avatar-1.svg").await;
    assert_eq!(header(&avatar, "content-type"), "image/svg+xml");
}

#[tokio::test]
async fn old_assets_are_pruned_by_age_and_those_of_the_release_stay() {
    let app = TestApp::new().await;
    publish(&app.folder, "loader-1.js");
    publish(&app.folder, "loader-2.js");
    for (days, left) in [("1", StatusCode::OK), ("0", StatusCode::NOT_FOUND)] {
        let output = media(&app.folder, &["prune", "--days", days]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(get(&app, "/assets/loader-1.js").await.status(), left, "after {days} days");
        assert_eq!(get(&app, "/assets/loader-2.js").await.status(), StatusCode::OK);
        assert_eq!(get(&app, "/assets/default-avatar-1.svg").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_said_and_changes_nothing() {
    let app = TestApp::new().await;
    let dist = release(&app.folder, "loader-1.js");
    std::fs::write(dist.join("assets/a b.js"), "x").unwrap();
    let output = media(&app.folder, &["publish", &dist.display().to_string()]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("a b.js"), "{output:?}");
    assert_eq!(get(&app, "/").await.status(), StatusCode::NOT_FOUND, "no page without its files");

    let output = media(&app.folder, &["publish", "/nonexistent"]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("build the web application first"), "{output:?}");
}

#[tokio::test]
async fn a_file_that_is_missing_is_never_the_page() {
    let app = TestApp::new().await;
    publish(&app.folder, "loader-1.js");
    let hash = "0".repeat(64);
    let missing = [
        "/assets/none.js".to_owned(),
        "/assets/".to_owned(),
        "/assets".to_owned(),
        "/assets/a/b.js".to_owned(),
        "/objects/none".to_owned(),
        format!("/objects/{hash}"),
        format!("/objects/{}", hash.to_uppercase()),
        "/api/none".to_owned(),
        "/assets/%2e%2e%2findex.html".to_owned(),
        "/assets/..%5c..%5cetc%5cpasswd".to_owned(),
        "/assets/.hidden".to_owned(),
        "/assets/a%00".to_owned(),
        "/objects/..%2f..%2fweb%2findex.html".to_owned(),
        "/%61ssets/none.js".to_owned(),
        "/ASSETS/none.js".to_owned(),
        "/%2e%2e%2fx".to_owned(),
    ];
    for path in missing {
        let (status, answer) = send(app.get(&path)).await;
        assert_eq!((status, answer), (StatusCode::NOT_FOUND, json!({"errors": {"path": ["not found"]}})), "{path}");
        assert_eq!(header(&get(&app, &path).await, "cache-control"), "no-store", "{path}");
    }
    // As no client sends them but by hand.
    for path in ["/assets/../web/index.html", "/assets/../../../../etc/passwd", "/assets/..", "//assets/none.js", "/./assets/none.js"] {
        let mut stream = TcpStream::connect(app.address()).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("no-store"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_content_is_served_for_ever_in_whole_or_in_parts() {
    let app = TestApp::new().await;
    let media = app.uploaded(&app.ann, jpeg(700, 500)).await;
    let path = media["variants"][2]["url"].as_str().unwrap();
    let whole = get(&app, path).await;
    let tag = header(&whole, "etag").to_owned();
    assert_eq!(tag, format!("\"{}\"", path.trim_start_matches("/objects/")));
    assert_eq!((header(&whole, "content-type"), header(&whole, "cache-control")), ("image/webp", FOR_EVER));
    assert_eq!((header(&whole, "accept-ranges"), header(&whole, "x-content-type-options")), ("bytes", "nosniff"));
    assert_eq!(header(&whole, "access-control-allow-origin"), "*");
    let whole = whole.bytes().await.unwrap();

    let head = app.http.head(app.url(path)).send().await.unwrap();
    assert_eq!((header(&head, "content-length"), header(&head, "etag")), (&*whole.len().to_string(), &*tag));
    for (range, part) in [("bytes=0-99", 0..100), ("bytes=100-", 100..whole.len()), ("bytes=-7", whole.len() - 7..whole.len())] {
        let answer = app.get(path).header("range", range).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let wanted = format!("bytes {}-{}/{}", part.start, part.end - 1, whole.len());
        assert_eq!((header(&answer, "content-range"), header(&answer, "content-type")), (&*wanted, "image/webp"), "{range}");
        assert_eq!(answer.bytes().await.unwrap(), whole.slice(part), "{range}");
    }
    let outside = app.get(path).header("range", format!("bytes={}-", whole.len())).send().await.unwrap();
    assert_eq!(
        (outside.status(), header(&outside, "content-range")),
        (StatusCode::RANGE_NOT_SATISFIABLE, &*format!("bytes */{}", whole.len()))
    );
    let known = app.get(path).header("if-none-match", format!("\"x\", W/{tag}")).send().await.unwrap();
    assert_eq!((known.status(), known.content_length()), (StatusCode::NOT_MODIFIED, Some(0)));
    let changed = app.get(path).header("range", "bytes=0-9").header("if-range", "\"other\"").send().await.unwrap();
    assert_eq!((changed.status(), changed.bytes().await.unwrap()), (StatusCode::OK, whole.clone()));
    let same = app.get(path).header("range", "bytes=0-9").header("if-range", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::PARTIAL_CONTENT);
    let posted = app.http.request(Method::DELETE, app.url(path)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_page_is_told_where_everything_is() {
    let app = TestApp::new().await;
    let config = get(&app, "/config.json").await;
    assert_eq!(header(&config, "cache-control"), "public, max-age=10");
    let told: serde_json::Value = config.json().await.unwrap();
    assert_eq!(told, json!({"api": "/api", "edge": "http://localhost:8081", "origin": ""}));

    let app = TestApp::with(|settings| settings.site.edge = String::new()).await;
    let told: serde_json::Value = get(&app, "/config.json").await.json().await.unwrap();
    assert_eq!(told["edge"], json!(null));
}
