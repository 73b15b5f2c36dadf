use std::time::SystemTime;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Body, Idempotency, Json};
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{enqueue, run_now};
use magnitude_sharding::WriteId;

use crate::{
    App,
    fields::{self, Registration},
    jobs::SettleNames,
    keyspaces::PROFILES,
    names::{self, Claim, Name, Reserved, give_back, reserve},
    people,
    routes::{login::sign_in, user::answer},
    sessions,
    store::{self, users::User},
};

/// `POST /api/users`: registers and signs in. The names are reserved before the password is hashed, the username first: of
/// many who race for one name the first to reserve it goes on, and all others stop there.
pub async fn register(State(app): State<App>, headers: HeaderMap, idempotency: Idempotency, body: Body) -> Result<Response, ApiError> {
    let new = fields::registration(&body)?;
    let (username, email) = (Name::username(&new.username), Name::email(&new.email));
    // A key counts per email. What the body says is compared with the user that it made: a hash of it would hold the password.
    let write_id = idempotency.write_id(&email.text, b"").id();
    let claim = Claim { user: Id::new(Bucket::random(), SystemTime::now()), write_id, version: 1 };

    if idempotency.key.is_some() && people::by_email(&app, &new.email).await?.is_some_and(|user| user.write_id == write_id) {
        return repeated(&app, &new, write_id, &headers).await;
    }
    match reserve(&app, &username, claim).await? {
        Reserved::Ours => {}
        Reserved::SameWrite => return repeated(&app, &new, write_id, &headers).await,
        Reserved::SameUser | Reserved::Taken => {
            let taken = ApiError::taken("username");
            let email_taken = people::by_email(&app, &new.email).await?.is_some();
            return Err(if email_taken { taken.and("email", "has already been taken") } else { taken });
        }
    }
    match reserve(&app, &email, claim).await {
        Ok(Reserved::Ours) => {}
        Ok(Reserved::SameWrite) => {
            give_back(&app, &[&username], claim).await;
            return repeated(&app, &new, write_id, &headers).await;
        }
        Ok(Reserved::SameUser | Reserved::Taken) => {
            give_back(&app, &[&username], claim).await;
            return Err(ApiError::taken("email"));
        }
        Err(error) => {
            give_back(&app, &[&username], claim).await;
            return Err(error);
        }
    }
    match insert(&app, new, claim, [&username, &email], &headers).await {
        Ok(response) => Ok(response),
        Err(error) => {
            // Unless the outcome is unknown, the user's row was not written: others need not wait for the reservations' end.
            if error.status() != StatusCode::GATEWAY_TIMEOUT {
                give_back(&app, &[&username, &email], claim).await;
            }
            Err(error)
        }
    }
}

async fn insert(app: &App, new: Registration, claim: Claim, taken: [&Name; 2], headers: &HeaderMap) -> Result<Response, ApiError> {
    let password_hash = app.passwords.hash(&new.password).await?;
    let user = User {
        id: claim.user,
        username: new.username,
        email: new.email,
        password_hash,
        bio: None,
        image: None,
        version: claim.version,
        write_id: claim.write_id,
    };
    let Some(mut write) = names::begin(app, claim).await? else {
        return Err(ApiError::unavailable(anyhow::anyhow!("the reservation had expired")));
    };
    store::users::insert(&mut write, &user).await?;
    let begun = sessions::begin(app, &mut write, user.id, headers).await?;
    let taken = taken.into_iter().cloned().collect();
    let settle = SettleNames { user: user.id, write_id: claim.write_id, version: claim.version, taken, left: Vec::new() };
    let settle = enqueue(&mut write, "settle_names", settle).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[PROFILES.void(user.id.bucket(), user.id, user.version)]).await;
    run_now(&app.shards, app, settle).await;
    begun.remember(app).await;
    Ok((StatusCode::CREATED, Json(answer(&user, &begun.token))).into_response())
}

/// The same key again: the user that it made signs in with a new token, if the body says the same.
async fn repeated(app: &App, new: &Registration, write_id: uuid::Uuid, headers: &HeaderMap) -> Result<Response, ApiError> {
    let user = people::by_email(app, &new.email).await?.filter(|user| user.write_id == write_id);
    let Some(user) = user else { return Err(magnitude_sharding::Error::InProgress.into()) };
    let same = user.username == new.username && app.passwords.verify(&new.password, Some(&user.password_hash)).await?;
    if !same {
        return Err(magnitude_sharding::Error::KeyReused.into());
    }
    Ok((StatusCode::CREATED, Json(sign_in(app, &user, headers, &WriteId::random()).await?)).into_response())
}
