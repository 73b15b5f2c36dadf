use axum::{
    http::header,
    response::{Html, IntoResponse},
};

const DOCUMENT: &str = include_str!("../../openapi.json");
const PAGE: &str = include_str!("../../docs.html");

/// `GET /api/openapi.json`: the public API of all services in one document.
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], DOCUMENT)
}

/// `GET /api/docs`: a page that shows it, without anything from elsewhere.
pub async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{DOCUMENT, PAGE};

    /// The public routes of all services, below `/api`.
    const ROUTES: [&str; 28] = [
        "POST /users",
        "POST /users/login",
        "POST /users/logout",
        "GET /user",
        "PUT /user",
        "GET /user/sessions",
        "DELETE /user/sessions/{id}",
        "GET /profiles/{username}",
        "POST /profiles/{username}/follow",
        "DELETE /profiles/{username}/follow",
        "GET /notifications",
        "POST /notifications/read",
        "POST /media",
        "GET /media/{id}",
        "GET /articles",
        "POST /articles",
        "GET /articles/feed",
        "GET /articles/{slug}",
        "PUT /articles/{slug}",
        "DELETE /articles/{slug}",
        "POST /articles/{slug}/favorite",
        "DELETE /articles/{slug}/favorite",
        "GET /articles/{slug}/comments",
        "POST /articles/{slug}/comments",
        "DELETE /articles/{slug}/comments/{id}",
        "GET /tags",
        "GET /openapi.json",
        "GET /docs",
    ];

    fn described() -> BTreeSet<String> {
        let document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
        let mut operations = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for method in methods.as_object().expect("methods").keys() {
                operations.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        operations
    }

    #[test]
    fn the_document_describes_the_public_routes_and_no_others() {
        assert_eq!(described(), ROUTES.map(str::to_owned).into());
    }

    #[test]
    fn the_page_shows_every_operation() {
        for operation in described() {
            assert!(PAGE.contains(&format!("<code>{operation}</code>")), "{operation} is not on the page");
        }
    }
}
