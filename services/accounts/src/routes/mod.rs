//! HTTP: parse, call, answer. No SQL. A handler decides in this order: 401, 404, 403, 422.

mod docs;
mod internal;
mod login;
mod profiles;
mod register;
mod sessions;
mod update;
mod user;

use axum::{
    Router,
    routing::{delete, get, post},
};

use magnitude_chassis::Answers;

use crate::App;

pub fn public(app: App) -> Router {
    let router = Router::new()
        .route("/api/users", post(register::register))
        .route("/api/users/login", post(login::login))
        .route("/api/users/logout", post(sessions::logout))
        .route("/api/user", get(user::show).put(update::update))
        .route("/api/user/sessions", get(sessions::list))
        .route("/api/user/sessions/{id}", delete(sessions::revoke))
        .route("/api/profiles/{username}", get(profiles::show))
        .route("/api/openapi.json", get(docs::openapi))
        .route("/api/docs", get(docs::page))
        .with_state(app);
    Answers::default().around(router)
}

pub fn internal(app: App) -> Router {
    use magnitude_contract::accounts::{BY_USERNAME, IMAGES, PROFILES, REVOKED, SESSION};
    Router::new()
        .route(PROFILES, post(internal::profiles))
        .route(BY_USERNAME, post(internal::by_username))
        .route(SESSION, post(internal::session))
        .route(REVOKED, post(internal::revoked))
        .route(IMAGES, post(internal::images))
        .with_state(app)
}
