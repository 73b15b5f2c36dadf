use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Idempotency, Path, answer};
use magnitude_contract::accounts::{Profile, ProfileAnswer, ProfileBody};
use magnitude_ids::Id;
use magnitude_jobs::{Enqueued, Job, enqueue, run_now};
use magnitude_session::SignedIn;
use magnitude_sharding::{Answer, Begun, Committed, Write, WriteId};

use crate::{App, jobs::MirrorFollow, store::follows};

/// `POST /api/profiles/{username}/follow`. Idempotent; a body is not read, whatever it says it is. What may be wrong with the
/// path or the key is looked at late, since 401 and 404 are decided before 422.
pub async fn follow(
    State(app): State<App>,
    signed_in: SignedIn,
    username: Result<Path<String>, ApiError>,
    key: Result<Idempotency, ApiError>,
) -> Result<Response, ApiError> {
    let followee = followee(&app, username).await?;
    let id = key?.write_id(&signed_in.session.user.to_string(), b"");
    change(&app, signed_in.session.user, followee, true, &id).await
}

/// `DELETE /api/profiles/{username}/follow`. Idempotent, with no key to keep.
pub async fn unfollow(State(app): State<App>, signed_in: SignedIn, username: Result<Path<String>, ApiError>) -> Result<Response, ApiError> {
    let followee = followee(&app, username).await?;
    change(&app, signed_in.session.user, followee, false, &WriteId::random()).await
}

/// Asked before the transaction begins: none stays open during a call.
async fn followee(app: &App, username: Result<Path<String>, ApiError>) -> Result<Profile, ApiError> {
    let not_found = || ApiError::not_found("profile");
    let Path(username) = username.map_err(|_| not_found())?;
    app.accounts.by_username(&username).await.map_err(ApiError::unavailable)?.ok_or_else(not_found)
}

async fn change(app: &App, follower: Id, followee: Profile, active: bool, id: &WriteId) -> Result<Response, ApiError> {
    if followee.id == follower {
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "username", "must not be your own"));
    }
    let mut write = match app.shards.begin(follower.bucket(), id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => return Ok(answer(first)),
    };
    let mirror = set(&mut write, follower, followee.id, active).await?;
    let profile = ProfileAnswer { profile: ProfileBody::new(followee, active) };
    let body = serde_json::to_string(&profile).map_err(ApiError::internal)?;
    write.keep_answer(200, &body).await?;
    let committed = write.commit().await?;
    show(app, &committed, mirror).await;
    Ok(answer(Answer { status: 200, body }).into_response())
}

/// The truth and the job of its mirror, in one transaction. No job when nothing changes.
async fn set(write: &mut Write, follower: Id, followee: Id, active: bool) -> Result<Option<Enqueued<MirrorFollow>>, ApiError> {
    let Some(version) = follows::set(write, follower, followee, active).await? else { return Ok(None) };
    let job = MirrorFollow { follower, followee, active, version };
    Ok(Some(enqueue(write, MirrorFollow::KIND, job).await?))
}

/// What must have happened before the answer, so that the next request of anyone sees the change. Also when nothing changed:
/// another request may just have committed the same and not yet raised the stamp.
async fn show(app: &App, committed: &Committed, mirror: Option<Enqueued<MirrorFollow>>) {
    app.cache.wrote(committed, &[]).await;
    if let Some(mirror) = mirror {
        run_now(&app.shards, app, mirror).await;
    }
}
