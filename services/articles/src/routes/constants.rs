//! The limit that `make bench` measures against: the same bytes as a real answer, from the same server, as a constant.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;

type Constants = Arc<RwLock<HashMap<String, Bytes>>>;

pub fn routes() -> Router {
    Router::new().route("/api/articles/-/constant/{name}", get(show).put(put)).with_state(Constants::default())
}

async fn put(State(constants): State<Constants>, Path(name): Path<String>, body: Bytes) -> StatusCode {
    constants.write().expect("no holder of this lock panics").insert(name, body);
    StatusCode::NO_CONTENT
}

async fn show(State(constants): State<Constants>, Path(name): Path<String>) -> Response {
    match constants.read().expect("no holder of this lock panics").get(&name) {
        Some(body) => ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
