//! HTTP: parse, call, answer. No SQL.

mod files;
mod internal;
pub mod site;
mod status;
mod uploads;

use axum::{
    Router,
    routing::{get, post},
};
use magnitude_chassis::{Answers, Routers};
use magnitude_contract::media::TAKE;

use crate::App;

pub fn routers(app: App) -> Routers {
    let api = Router::new().route("/api/media", post(uploads::create)).route("/api/media/{id}", get(uploads::show));
    let origin = Router::new()
        .route("/objects/{hash}", get(files::object))
        .route("/assets/{name}", get(files::asset))
        .route("/config.json", get(site::config))
        .route("/status", get(status::show))
        .route("/", get(site::page));
    let api = Answers::default().around(api.with_state(app.clone()));
    let public = origin.fallback(site::other).with_state(app.clone()).merge(api);
    let internal = Router::new().route(TAKE, post(internal::take));
    Routers { public, internal: internal.with_state(app) }
}
