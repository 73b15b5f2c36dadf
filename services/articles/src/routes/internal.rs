use axum::{Json, extract::State};
use magnitude_contract::articles::{Copied, CopiedCall};

use crate::{App, check};

/// What this instance holds a copy of, for the checker.
pub async fn copied(State(app): State<App>, Json(call): Json<CopiedCall>) -> Json<Copied> {
    Json(Copied { copy: check::copied(&app.cache, &call.keyspace, call.bucket, &call.key) })
}
