use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use magnitude_chassis::{ApiError, Body, Idempotency, Json};
use magnitude_contract::accounts::UserAnswer;
use magnitude_limit::address;
use magnitude_sharding::{Error, WriteId};

use crate::{
    App, fields,
    names::Name,
    people,
    routes::user::answer,
    sessions,
    store::{self, users::User},
};

/// `POST /api/users/login`. Every login begins a session, a repeated one too; an idempotency key only keeps another body out.
pub async fn login(State(app): State<App>, headers: HeaderMap, idempotency: Idempotency, body: Body) -> Result<Json<UserAnswer>, ApiError> {
    let credentials = fields::credentials(&body)?;
    limit(&app, &headers, &credentials.email).await?;
    let user = people::by_email(&app, &credentials.email).await?;
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    let matches = app.passwords.verify(&credentials.password, hash).await?;
    // The key counts per email, and the password is the only other thing that a body says. The salted hash that it was checked
    // against stands for it: a fingerprint of the password itself could be guessed from.
    let fingerprint = hash.unwrap_or_default().as_bytes();
    let id = idempotency.write_id(&Name::email(&credentials.email).text, fingerprint);
    match user {
        Some(user) if matches => Ok(Json(sign_in(&app, &user, &headers, &id).await?)),
        Some(user) if id.is_keyed() && was_used(&app, &user, &id).await? => Err(Error::KeyReused.into()),
        _ => Err(refused()),
    }
}

/// Before anything that costs is done for a registration or a login.
pub(super) async fn limit(app: &App, headers: &HeaderMap, email: &str) -> Result<(), ApiError> {
    let (account, address) = (Name::email(email).text, address(headers));
    let limits = [("account", account.as_str(), app.sign_in.per_account), ("sign_in_address", address.as_str(), app.sign_in.per_address)];
    app.limiter.check(&limits).await.map_err(|refused| ApiError::too_many(refused.retry_after_s))
}

/// Begins a session of its own for a user whose password was checked, unless the password was changed since: a session that
/// outlived the change would be one of the old password.
pub(super) async fn sign_in(app: &App, user: &User, headers: &HeaderMap, id: &WriteId) -> Result<UserAnswer, ApiError> {
    let mut write = match app.shards.begin(user.id.bucket(), id).await? {
        magnitude_sharding::Begun::New(write) => write,
        magnitude_sharding::Begun::Repeated(_) => app.shards.write(user.id.bucket()).await?,
    };
    let current = store::users::lock(&mut write, user.id).await?;
    if current.is_none_or(|current| current.password_hash != user.password_hash) {
        return Err(refused());
    }
    let begun = sessions::begin(app, &mut write, user.id, headers).await?;
    if write.is_keyed() {
        write.keep_answer(200, "").await?;
    }
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    begun.remember(app).await;
    Ok(answer(&user.account(), &begun.token))
}

async fn was_used(app: &App, user: &User, id: &WriteId) -> Result<bool, ApiError> {
    match app.shards.begin(user.id.bucket(), id).await? {
        magnitude_sharding::Begun::Repeated(_) => Ok(true),
        magnitude_sharding::Begun::New(write) => {
            write.rollback().await;
            Ok(false)
        }
    }
}

fn refused() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "credentials", "invalid")
}
