//! What other services ask. These handlers call no other service.

use std::time::Duration;

use axum::{Json, extract::State};
use magnitude_chassis::ApiError;
use magnitude_contract::accounts::{
    ByUsername, ByUsernameCall, Images, ImagesCall, Profiles, ProfilesCall, RevokedAnswer, RevokedCall, SessionAnswer, SessionCall,
};
use magnitude_session::Lookup;

use crate::{App, people, sessions::SessionTable, store};

pub async fn profiles(State(app): State<App>, Json(call): Json<ProfilesCall>) -> Result<Json<Profiles>, ApiError> {
    let profiles = people::profiles(&app.asking(call.fresh), &call.ids).await?;
    Ok(Json(Profiles { profiles: profiles.iter().map(|profile| (**profile).clone()).collect() }))
}

pub async fn by_username(State(app): State<App>, Json(call): Json<ByUsernameCall>) -> Result<Json<ByUsername>, ApiError> {
    let profile = people::by_username(&app.asking(call.fresh), &call.username).await?;
    Ok(Json(ByUsername { profile: profile.map(|profile| (*profile).clone()) }))
}

pub async fn session(State(app): State<App>, Json(call): Json<SessionCall>) -> Result<Json<SessionAnswer>, ApiError> {
    let table = SessionTable { shards: app.shards.clone(), life: app.session_life };
    Ok(Json(SessionAnswer { session: table.find(call.bucket, call.hash).await.map_err(ApiError::unavailable)? }))
}

/// From the primaries: what is not told here is deleted.
pub async fn images(State(app): State<App>, Json(call): Json<ImagesCall>) -> Result<Json<Images>, ApiError> {
    Ok(Json(Images { hashes: store::users::images(&app.shards, &call.hashes).await? }))
}

/// From what this process has heard: however many ask, the shards are asked no more often.
pub async fn revoked(State(app): State<App>, Json(call): Json<RevokedCall>) -> Result<Json<RevokedAnswer>, ApiError> {
    let news = app.sessions.revocations(Duration::from_millis(call.within_ms));
    let news = news.ok_or_else(|| ApiError::unavailable(anyhow::anyhow!("not every shard has told what was revoked")))?;
    Ok(Json(RevokedAnswer::from(news)))
}
