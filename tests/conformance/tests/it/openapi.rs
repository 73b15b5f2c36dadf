//! The API's own description.

use magnitude_conformance::Api;

use crate::keys;

/// Route, its success, and the refusals that a client can bring about.
const ROUTES: [(&str, &str, &str, &[&str]); 28] = [
    ("post", "/users", "201", &["409", "413", "422"]),
    ("post", "/users/login", "200", &["401", "413", "422"]),
    ("post", "/users/logout", "204", &["401"]),
    ("get", "/user", "200", &["401"]),
    ("put", "/user", "200", &["401", "409", "413", "422"]),
    ("get", "/user/sessions", "200", &["401"]),
    ("delete", "/user/sessions/{id}", "204", &["401", "404"]),
    ("get", "/profiles/{username}", "200", &["404"]),
    ("post", "/profiles/{username}/follow", "200", &["401", "404", "422"]),
    ("delete", "/profiles/{username}/follow", "200", &["401", "404", "422"]),
    ("get", "/notifications", "200", &["401", "422"]),
    ("post", "/notifications/read", "204", &["401", "413", "422"]),
    ("post", "/media", "201", &["401", "409", "413", "422"]),
    ("get", "/media/{id}", "200", &["404"]),
    ("get", "/articles", "200", &["422"]),
    ("post", "/articles", "201", &["401", "409", "413", "422"]),
    ("get", "/articles/feed", "200", &["401", "422"]),
    ("get", "/articles/{slug}", "200", &["404"]),
    ("put", "/articles/{slug}", "200", &["401", "403", "404", "413", "422"]),
    ("delete", "/articles/{slug}", "204", &["401", "403", "404"]),
    ("post", "/articles/{slug}/favorite", "200", &["401", "404", "422"]),
    ("delete", "/articles/{slug}/favorite", "200", &["401", "404"]),
    ("get", "/articles/{slug}/comments", "200", &["404"]),
    ("post", "/articles/{slug}/comments", "201", &["401", "404", "409", "413", "422"]),
    ("delete", "/articles/{slug}/comments/{id}", "204", &["401", "403", "404"]),
    ("get", "/tags", "200", &[]),
    ("get", "/openapi.json", "200", &[]),
    ("get", "/docs", "200", &[]),
];

#[tokio::test]
async fn the_description_is_openapi_3_1_and_names_the_api() {
    let answer = Api::anonymous().get("/openapi.json").await;

    assert_eq!(answer.status, 200, "{answer}");
    assert!(answer.header("content-type").starts_with("application/json"), "{answer}");
    let version = answer.json["openapi"].as_str().unwrap_or("");
    assert!(version.starts_with("3.1"), "{version:?}");
    assert_eq!(answer.json["info"]["title"], "RealWorld Conduit API");
    assert_eq!(answer.json["info"]["version"], "2.0.0");
}

#[tokio::test]
async fn the_description_has_every_route_with_its_success_and_its_refusals() {
    let answer = Api::anonymous().get("/openapi.json").await;
    for (method, path, success, refusals) in ROUTES {
        // Described with the prefix, or below a server that ends in it.
        let paths = &answer.json["paths"];
        let described = paths.get(format!("/api{path}")).or_else(|| paths.get(path));
        let described = described.unwrap_or_else(|| panic!("{path} is not described"));
        let statuses = keys(&described[method]["responses"]);
        let successes: Vec<_> = statuses.iter().filter(|status| status.starts_with('2')).collect();
        assert_eq!(successes, [&success], "{method} {path}");
        for refusal in refusals {
            assert!(statuses.contains(refusal), "{method} {path} does not tell of {refusal}");
        }
    }
}

#[tokio::test]
async fn there_is_a_page_that_shows_it() {
    let answer = Api::anonymous().get("/docs").await;

    assert_eq!(answer.status, 200, "{answer}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer}");
    assert!(answer.text.contains("RealWorld Conduit API"), "the page names the API");
}
