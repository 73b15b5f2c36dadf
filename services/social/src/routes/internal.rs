use axum::{Json, extract::State};
use magnitude_chassis::ApiError;
use magnitude_contract::social::{Followed, FollowingCall, FollowsCall};

use crate::{App, store::follows};

/// Which of these users the viewer follows: one statement, however many they are.
pub async fn follows(State(app): State<App>, Json(call): Json<FollowsCall>) -> Result<Json<Followed>, ApiError> {
    Ok(Json(Followed { ids: follows::among(&app.shards, &app.cache, call.viewer, &call.ids).await? }))
}

/// Everybody whom the reader follows.
pub async fn following(State(app): State<App>, Json(call): Json<FollowingCall>) -> Result<Json<Followed>, ApiError> {
    Ok(Json(Followed { ids: follows::all(&app.shards, &app.cache, call.reader).await? }))
}
