use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Delivery, Idempotency, Path, answer};
use magnitude_contract::accounts::{Profile, ProfileAnswer, ProfileBody};
use magnitude_ids::Id;
use magnitude_jobs::{enqueue, record_voids, run_now, submit};
use magnitude_session::SignedIn;
use magnitude_sharding::{Answer, Begun, Committed, Error, WriteId};

use crate::{
    App,
    jobs::{MirrorFollow, NotifyFollowed},
    keyspaces,
    store::follows,
};

/// `POST /api/profiles/{username}/follow`. Idempotent; a body is not read, whatever it says it is. What may be wrong with the
/// path or the key is looked at late, since 401 and 404 are decided before 422.
pub async fn follow(
    State(app): State<App>,
    signed_in: SignedIn,
    username: Result<Path<String>, ApiError>,
    key: Result<Idempotency, ApiError>,
) -> Result<Response, ApiError> {
    let followee = followee(&app, signed_in.session.untold, username).await?;
    let id = key?.write_id(&signed_in.session.user.to_string(), b"");
    change(&app, signed_in.session.user, followee, true, &id).await
}

/// `DELETE /api/profiles/{username}/follow`. Idempotent, with no key to keep.
pub async fn unfollow(
    State(app): State<App>,
    signed_in: SignedIn,
    username: Result<Path<String>, ApiError>,
    delivery: Delivery,
) -> Result<Response, ApiError> {
    let followee = followee(&app, signed_in.session.untold, username).await?;
    let id = delivery.write_id(&signed_in.session.user.to_string());
    change(&app, signed_in.session.user, followee, false, &id).await
}

/// Asked before the transaction begins: none stays open during a call.
async fn followee(app: &App, untold: bool, username: Result<Path<String>, ApiError>) -> Result<Arc<Profile>, ApiError> {
    let not_found = || ApiError::not_found("profile");
    let Path(username) = username.map_err(|_| not_found())?;
    let cache = if untold { app.cache.bypassed() } else { app.cache.skipping_copies() };
    let accounts = app.accounts.through(&cache);
    accounts.by_username(&username).await.map_err(ApiError::unavailable)?.ok_or_else(not_found)
}

async fn change(app: &App, follower: Id, followee: Arc<Profile>, active: bool, id: &WriteId) -> Result<Response, ApiError> {
    if followee.id == follower {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "username", "must not be your own"));
    }
    let profile = ProfileAnswer { profile: ProfileBody::new(&followee, active) };
    let body = serde_json::to_string(&profile).map_err(ApiError::internal)?;
    let mut write = match app.shards.begin(follower.bucket(), id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => {
            tell_again(app, follower, followee.id).await?;
            return Ok(answer(first.unwrap_or(Answer { status: 200, body })));
        }
    };
    let version = follows::set(&mut write, follower, followee.id, active).await?;
    // Without a key only the load balancer asks again, whom this answers as well.
    if write.is_keyed() {
        write.keep_answer(200, &body).await?;
    }
    if let Some(version) = version {
        // The truth and the job of its mirror, in one transaction.
        let mirror = MirrorFollow { follower, followee: followee.id, active, version };
        let mirror = enqueue(&mut write, mirror).await?;
        // Who follows again is no news.
        if active && version == 1 {
            submit(&mut write, &NotifyFollowed { follower, followee: followee.id }).await?;
        }
        let voids = keyspaces::voids(follower, followee.id, version);
        record_voids(&mut write, &voids).await?;
        app.cache.wrote(&write.commit().await?, &voids).await;
        run_now(&app.shards, app, mirror).await;
    } else {
        // Also when nothing changed: another request may just have committed the same and not yet told of it.
        write.commit().await?;
        tell_again(app, follower, followee.id).await?;
    }
    Ok(answer(Answer { status: 200, body }).into_response())
}

/// For a request that comes again: who had it first may have died before it could tell the cache, and then a replica that lags would
/// hide from the client what the answer says.
async fn tell_again(app: &App, follower: Id, followee: Id) -> Result<(), Error> {
    let bucket = follower.bucket();
    let stamp = app.shards.current_stamp(bucket).await?;
    let Some((active, version)) = follows::find(&app.shards, follower, followee).await? else { return Ok(()) };
    app.cache.wrote(&Committed { bucket, stamp }, &keyspaces::voids(follower, followee, version)).await;
    // The one that did it may have died before it mirrored it, and its job makes that good only a second later. Behind a mirror that
    // fails here stands that job still.
    let mirror = MirrorFollow { follower, followee, active, version };
    if let Err(error) = mirror.apply(app).await {
        tracing::warn!(error = %format_args!("{:#}", anyhow::Error::from(error)), "a follow was not mirrored again");
    }
    Ok(())
}
