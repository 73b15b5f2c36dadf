use axum::{
    http::header,
    response::{Html, IntoResponse},
};

/// `GET /api/openapi.json`: the public API of all services in one document.
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], include_str!("../../openapi.json"))
}

/// `GET /api/docs`: a page that shows it, without anything from elsewhere.
pub async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'sha256-none'; connect-src 'self'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(include_str!("../../docs.html")))
}
