use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use magnitude_chassis::{ApiError, Body, Idempotency, Json};
use magnitude_contract::accounts::UserAnswer;

use crate::{App, fields, people, routes::user::answer, sessions, store::users::User};

/// `POST /api/users/login`. An idempotency key changes nothing: every login begins a session, as a repeated one must.
pub async fn login(State(app): State<App>, headers: HeaderMap, _: Idempotency, body: Body) -> Result<Json<UserAnswer>, ApiError> {
    let credentials = fields::credentials(&body)?;
    let user = people::by_email(&app, &credentials.email).await?;
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    let matches = app.passwords.verify(&credentials.password, hash).await?;
    let user = user.filter(|_| matches).ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "credentials", "invalid"))?;
    Ok(Json(sign_in(&app, &user, &headers).await?))
}

/// Begins a session of its own for a user whose password was checked.
pub(super) async fn sign_in(app: &App, user: &User, headers: &HeaderMap) -> Result<UserAnswer, ApiError> {
    let mut write = app.shards.write(user.id.bucket()).await?;
    let begun = sessions::begin(app, &mut write, user.id, headers).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    begun.remember(app).await;
    Ok(answer(user, &begun.token))
}
