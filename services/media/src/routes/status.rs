use std::fmt::Write;

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY},
    },
    response::{Html, IntoResponse, Response},
};
use magnitude_chassis::Json;
use serde_json::json;

use crate::{App, serve, status::Part};

const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"5\">
<title>Status</title>
<style>
:root { color-scheme: light dark } body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td { padding: .3rem .6rem; border-bottom: 1px solid #8884 }
.green { color: #1a7f37 } .red { color: #d1242f; font-weight: bold }
@media (prefers-color-scheme: dark) { .green { color: #3fb950 } .red { color: #ff7b72 } }
</style>
";

/// `GET /status`: every part, green or red. As JSON for who accepts nothing else.
pub async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    let parts = app.status.parts().await;
    let common = [(CACHE_CONTROL, HeaderValue::from_static("no-store")), (VARY, HeaderValue::from_static("accept")), serve::NO_SNIFF];
    if wants_json(&headers) {
        return (common, Json(document(&parts))).into_response();
    }
    (common, [(CONTENT_SECURITY_POLICY, POLICY)], Html(page(&parts))).into_response()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

fn document(parts: &[Part]) -> serde_json::Value {
    let shown = parts.iter().map(|part| json!({ "name": part.name, "green": part.is_green(), "well": part.well, "all": part.all }));
    json!({ "green": parts.iter().all(Part::is_green), "parts": shown.collect::<Vec<_>>() })
}

fn page(parts: &[Part]) -> String {
    let red = parts.iter().filter(|part| !part.is_green()).count();
    let (colour, heading) =
        if red == 0 { ("green", "All parts are well".to_owned()) } else { ("red", format!("{red} of {} parts are not well", parts.len())) };
    let mut page = format!("{HEAD}<h1 class=\"{colour}\">{heading}</h1>\n<table>\n");
    for part in parts {
        let (colour, sign) = if part.is_green() { ("green", "●") } else { ("red", "▲") };
        let Part { name, well, all } = part;
        let state = if part.is_green() { "green" } else { "red" };
        let row = format_args!("<tr><td>{}</td><td class=\"{colour}\">{sign} {state}</td><td>{well} of {all}</td></tr>\n", escape(name));
        write!(page, "{row}").expect("text takes all that is written");
    }
    page + "</table>\n"
}

/// Names come from the settings; they may still hold anything.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_red_part_makes_the_stack_red_and_names_are_only_text() {
        let parts = [Part::new("a", &[true]), Part::new("<script>", &[true, false])];

        let page = page(&parts);

        assert!(page.contains("1 of 2 parts are not well"), "{page}");
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert_eq!(document(&parts)["green"], false);
        assert_eq!(document(&parts[..1])["green"], true);
    }

    #[test]
    fn a_browser_gets_a_page() {
        let wants = |accept: &str| wants_json(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));

        assert!(wants("application/json"));
        assert!(!wants("text/html,application/xhtml+xml,application/json;q=0.9"));
        assert!(!wants("*/*"));
        assert!(!wants_json(&HeaderMap::new()));
    }
}
