use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Delivery, Idempotency, Json, Path, begin};
use magnitude_contract::Timestamp;
use magnitude_ids::Id;
use magnitude_jobs::{enqueue, run_now};
use magnitude_session::{Refusal, Session, SignedIn};
use magnitude_sharding::Begun;
use serde::Serialize;

use crate::{
    App,
    jobs::{EndSessions, run_left},
    store,
};

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
    delivery: Delivery,
    id: Result<Path<String>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let not_found = || ApiError::not_found("session");
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    if end(&app, &session, id, &delivery).await? { Ok(StatusCode::NO_CONTENT) } else { Err(not_found()) }
}

/// `POST /api/users/logout`. Sent once more it may find its session ended, which is what it wants.
pub async fn logout(
    State(app): State<App>,
    delivery: Delivery,
    signed_in: Result<SignedIn, Refusal>,
    key: Result<Idempotency, ApiError>,
) -> Result<StatusCode, Response> {
    let session = match signed_in {
        Ok(SignedIn { session, .. }) => session,
        Err(Refusal::Invalid) if delivery.is_again() => return Ok(StatusCode::NO_CONTENT),
        Err(refusal) => return Err(refusal.into_response()),
    };
    let done = async {
        key?;
        end(&app, &session, session.id, &delivery).await
    };
    done.await.map_err(IntoResponse::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(app: &App, session: &Session, ended: Id, delivery: &Delivery) -> Result<bool, ApiError> {
    let id = delivery.write_id(&session.user.to_string());
    let Begun::New(mut write) = begin(&app.shards, &app.cache, session.user.bucket(), &id).await? else {
        run_left(app, session.user).await?;
        return Ok(true);
    };
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
