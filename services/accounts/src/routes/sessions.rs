use axum::{extract::State, http::StatusCode};
use magnitude_chassis::{ApiError, Idempotency, Json, Path};
use magnitude_contract::Timestamp;
use magnitude_ids::Id;
use magnitude_jobs::{enqueue, run_now};
use magnitude_session::{Session, SignedIn};
use serde::Serialize;

use crate::{App, jobs::EndSessions, store};

#[derive(Serialize)]
pub struct SessionsAnswer {
    sessions: Vec<SessionBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionBody {
    id: Id,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    device: String,
    current: bool,
}

/// `GET /api/user/sessions`.
pub async fn list(State(app): State<App>, SignedIn { session, .. }: SignedIn) -> Result<Json<SessionsAnswer>, ApiError> {
    let freshness = app.cache.freshness(session.user.bucket()).await;
    let rows = store::sessions::list(&app.shards, freshness, session.user, app.session_life.idle_s).await?;
    let sessions = rows.into_iter().filter_map(|row| {
        let id = Id::from_i64(row.id)?;
        Some(SessionBody {
            id,
            created_at: Timestamp(row.created_at),
            last_used_at: Timestamp(row.last_used_at),
            expires_at: Timestamp(row.expires_at),
            device: row.device,
            current: id == session.id,
        })
    });
    Ok(Json(SessionsAnswer { sessions: sessions.collect() }))
}

/// `DELETE /api/user/sessions/{id}`.
pub async fn revoke(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    id: Result<Path<String>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::not_found("session");
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    if end(&app, &session, id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(not_found()) }
}

/// `POST /api/users/logout`.
pub async fn logout(State(app): State<App>, SignedIn { session, .. }: SignedIn, _: Idempotency) -> Result<StatusCode, ApiError> {
    end(&app, &session, session.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(app: &App, session: &Session, ended: Id) -> Result<bool, ApiError> {
    let mut write = app.shards.write(session.user.bucket()).await?;
    let hashes = store::sessions::revoke(&mut write, session.user, ended).await?;
    if hashes.is_empty() {
        return Ok(false);
    }
    let job = enqueue(&mut write, EndSessions { hashes }).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    run_now(&app.shards, app, job).await;
    Ok(true)
}
