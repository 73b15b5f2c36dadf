use std::time::Duration;

use axum::extract::State;
use magnitude_chassis::{ApiError, Body, Delivery, Json, Patch, tell_of};
use magnitude_contract::{
    accounts::UserAnswer,
    media::{Taken, object_of},
};
use magnitude_ids::Id;
use magnitude_jobs::{enqueue, record_voids, run_now};
use magnitude_session::{Session, SignedIn};
use magnitude_sharding::{Freshness, WriteId};
use uuid::Uuid;

use crate::{
    App,
    fields::{self, Changes},
    jobs::{EndSessions, SettleNames, run_left},
    keyspaces,
    names::{self, Claim, Name, Reserved, give_back, insist, reserve},
    routes::user::answer,
    store::{self, users::User},
};

/// How often an update begins anew, and how much longer it waits each time.
const TURNS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(10);
/// From this turn on, after 60 ms, a name that another update of the same user reserved is no longer waited for: that update may
/// have died, and would keep its own user out until the reservation expires.
const INSIST: u32 = 4;

/// `PUT /api/user`: any subset; what is absent stays.
pub async fn update(
    State(app): State<App>,
    SignedIn { session, token }: SignedIn,
    delivery: Delivery,
    body: Result<Body, ApiError>,
) -> Result<Json<UserAnswer>, ApiError> {
    let (changes, write_id) = (fields::changes(&body?)?, delivery.write_id(&session.user.to_string()));
    let password_hash = match &changes.password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    // Another update of the same user between read and write makes this one begin anew.
    for turn in 0..TURNS {
        if let Some(user) = attempt(&app, &session, &write_id, &changes, password_hash.as_deref(), turn >= INSIST).await? {
            return Ok(Json(answer(&user.account(), &token)));
        }
        tokio::time::sleep(PAUSE * turn).await;
    }
    Err(ApiError::unavailable(anyhow::anyhow!("the user is being updated all the time")))
}

/// An image of ours is kept from being collected, before the user's row says that it is used: so the collector knows of the one or the other.
/// What it is deleting just now is refused; what was never here, or is elsewhere, is a text like any other.
async fn take_image(app: &App, old: &User, new: &User) -> Result<(), ApiError> {
    let image = new.image.as_deref().filter(|image| old.image.as_deref() != Some(image));
    let Some(hash) = image.and_then(object_of) else { return Ok(()) };
    match app.media.take(hash).await.map_err(ApiError::unavailable)? {
        Taken::Taken | Taken::Unknown => Ok(()),
        Taken::Doomed => Err(ApiError::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "image", "is no longer there, upload it again")),
    }
}

/// What became of the user's row.
enum Written {
    New(User),
    /// Another update was in the way.
    Refused,
    /// The same request made it when it came before.
    Before,
}

/// Nothing if another update was in the way.
async fn attempt(
    app: &App,
    session: &Session,
    write_id: &WriteId,
    changes: &Changes,
    password_hash: Option<&str>,
    insists: bool,
) -> Result<Option<User>, ApiError> {
    let old = store::users::find(&app.shards, Freshness::Primary, session.user).await?;
    let old = old.ok_or_else(|| ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "token", "is invalid"))?;
    let new = changed(&old, changes, password_hash);
    take_image(app, &old, &new).await?;
    let claim = Claim { user: old.id, write_id: Uuid::new_v4(), version: new.version };
    let (taken, left) = moved(&old, &new);
    let written = match reserve_all(app, &taken, claim, insists).await {
        Ok(true) => write(app, session, write_id, (&old, &new), claim, (&taken, &left), password_hash.is_some()).await,
        Ok(false) => Ok(Written::Refused),
        Err(error) => Err(error),
    };
    match &written {
        Ok(Written::New(_)) => {}
        Err(error) if error.status() == axum::http::StatusCode::GATEWAY_TIMEOUT => {}
        Ok(Written::Refused | Written::Before) | Err(_) => give_back(app, &taken.iter().collect::<Vec<_>>(), claim).await,
    }
    match written? {
        Written::New(user) => Ok(Some(user)),
        Written::Refused => Ok(None),
        Written::Before => made_before(app, session.user, write_id).await,
    }
}

/// Who made it may have died before the caches and the names were told. Answers with the user as it is.
async fn made_before(app: &App, user: Id, write_id: &WriteId) -> Result<Option<User>, ApiError> {
    tell_of(&app.shards, &app.cache, user.bucket(), write_id).await?;
    run_left(app, user).await?;
    Ok(store::users::find(&app.shards, Freshness::Primary, user).await?)
}

fn changed(old: &User, changes: &Changes, password_hash: Option<&str>) -> User {
    let mut new = old.clone();
    new.version += 1;
    if let Some(username) = &changes.username {
        new.username.clone_from(username);
    }
    if let Some(email) = &changes.email {
        new.email.clone_from(email);
    }
    if let Some(hash) = password_hash {
        hash.clone_into(&mut new.password_hash);
    }
    patch(&mut new.bio, &changes.bio);
    patch(&mut new.image, &changes.image);
    new
}

fn patch(field: &mut Option<String>, change: &Patch<String>) {
    match change {
        Patch::Absent => {}
        Patch::Null => *field = None,
        Patch::Value(text) => *field = Some(text.clone()),
    }
}

/// The names that a change takes and leaves.
fn moved(old: &User, new: &User) -> (Vec<Name>, Vec<Name>) {
    let pairs = [(Name::username(&old.username), Name::username(&new.username)), (Name::email(&old.email), Name::email(&new.email))];
    pairs.into_iter().filter(|(old, new)| old != new).map(|(old, new)| (new, old)).unzip()
}

/// Whether all could be had; every name that somebody else holds is told at once.
async fn reserve_all(app: &App, names: &[Name], claim: Claim, insists: bool) -> Result<bool, ApiError> {
    let mut ours = true;
    let mut refused: Option<ApiError> = None;
    for name in names {
        match if insists { insist(app, name, claim).await? } else { reserve(app, name, claim).await? } {
            Reserved::Ours => {}
            // What this user's other update takes is soon the user's, or free again.
            Reserved::SameUser | Reserved::SameWrite => ours = false,
            Reserved::Taken => {
                refused = Some(match refused.take() {
                    Some(error) => error.and(name.kind(), "has already been taken"),
                    None => ApiError::taken(name.kind()),
                });
            }
        }
    }
    refused.map_or(Ok(ours), Err)
}

/// The user's row and what follows from it, unless the row is no longer what was read.
async fn write(
    app: &App,
    session: &Session,
    write_id: &WriteId,
    (old, new): (&User, &User),
    claim: Claim,
    (taken, left): (&[Name], &[Name]),
    ends_sessions: bool,
) -> Result<Written, ApiError> {
    let Some(mut write) = names::begin(app, claim).await? else { return Ok(Written::Refused) };
    // The names know it by the claim's id, of which each turn has another one; the request is the same in each.
    if !write.is_also(write_id).await? {
        write.rollback().await;
        return Ok(Written::Before);
    }
    let current = store::users::lock(&mut write, old.id).await?;
    if current.is_none_or(|current| current.version != old.version) {
        // At once: the next turn waits for the ids that this one holds.
        write.rollback().await;
        return Ok(Written::Refused);
    }
    // A change of the password elsewhere may have ended this session since it was resolved.
    if !store::sessions::is_live(&mut write, old.id, session.id).await? {
        return Err(ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "token", "is invalid"));
    }
    store::users::update(&mut write, new).await?;
    let hashes = if ends_sessions { store::sessions::revoke_others(&mut write, old.id, session.id).await? } else { Vec::new() };
    let end = if hashes.is_empty() { None } else { Some(enqueue(&mut write, EndSessions { hashes }).await?) };
    let settle = SettleNames { user: old.id, write_id: claim.write_id, version: new.version, taken: taken.to_vec(), left: left.to_vec() };
    let settle = enqueue(&mut write, settle).await?;
    let voids = keyspaces::voids(new.id, new.version);
    record_voids(&mut write, &voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &voids).await;
    let end = async {
        if let Some(end) = end {
            run_now(&app.shards, app, end).await;
        }
    };
    futures_util::join!(end, run_now(&app.shards, app, settle));
    Ok(Written::New(new.clone()))
}
