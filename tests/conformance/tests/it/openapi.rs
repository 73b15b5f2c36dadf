//! The API's own description.

use magnitude_conformance::Api;

/// Path and methods, without the prefix.
const ROUTES: [(&str, &[&str]); 17] = [
    ("/users", &["post"]),
    ("/users/login", &["post"]),
    ("/users/logout", &["post"]),
    ("/user", &["get", "put"]),
    ("/user/sessions", &["get"]),
    ("/user/sessions/{id}", &["delete"]),
    ("/profiles/{username}", &["get"]),
    ("/profiles/{username}/follow", &["post", "delete"]),
    ("/articles", &["get", "post"]),
    ("/articles/feed", &["get"]),
    ("/articles/{slug}", &["get", "put", "delete"]),
    ("/articles/{slug}/favorite", &["post", "delete"]),
    ("/articles/{slug}/comments", &["get", "post"]),
    ("/articles/{slug}/comments/{id}", &["delete"]),
    ("/tags", &["get"]),
    ("/openapi.json", &["get"]),
    ("/docs", &["get"]),
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
async fn the_description_has_every_route() {
    let answer = Api::anonymous().get("/openapi.json").await;
    for (path, methods) in ROUTES {
        // Described with the prefix, or below a server that ends in it.
        let paths = &answer.json["paths"];
        let described = paths.get(format!("/api{path}")).or_else(|| paths.get(path));
        let described = described.unwrap_or_else(|| panic!("{path} is not described"));
        for method in methods {
            assert!(described[method]["responses"].is_object(), "{method} {path} is not described");
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
