use magnitude_jobs::{enqueue, record_voids, run_now};
use magnitude_sharding::{Error, Freshness};
use uuid::Uuid;

use crate::{
    App,
    jobs::SettleNames,
    keyspaces,
    names::{self, Claim, Name, Reserved, give_back, reserve},
    store::{self, users::User},
};

/// Takes names that a user bears and is not found by, as an update of the user would that changes nothing: reserved first, then written
/// under the user's lock, so that neither another user nor an update of the same one comes between. False if somebody else holds one;
/// nothing if the user was changed since.
pub(super) async fn restore(app: &App, user: &User, lost: &[Name]) -> Result<Option<bool>, Error> {
    let claim = Claim { user: user.id, write_id: Uuid::new_v4(), version: user.version + 1 };
    for (index, name) in lost.iter().enumerate() {
        let reserved = reserve(app, name, claim).await?;
        if reserved != Reserved::Ours {
            give_back(app, &lost[..index].iter().collect::<Vec<_>>(), claim).await;
            return refused(app, user, name, reserved).await;
        }
    }
    let written = write(app, user, lost, claim).await;
    if !matches!(written, Ok(true) | Err(Error::Unknown)) {
        give_back(app, &lost.iter().collect::<Vec<_>>(), claim).await;
    }
    Ok(written?.then_some(true))
}

async fn refused(app: &App, user: &User, name: &Name, reserved: Reserved) -> Result<Option<bool>, Error> {
    let current = store::users::find(&app.shards, Freshness::Primary, user.id).await?;
    if reserved != Reserved::Taken || current.is_none_or(|current| current.version != user.version) {
        return Ok(None);
    }
    tracing::error!(user.id = %user.id, kind = name.kind(), "a user is not found by a name that somebody else holds");
    Ok(Some(false))
}

async fn write(app: &App, user: &User, lost: &[Name], claim: Claim) -> Result<bool, Error> {
    let Some(mut write) = names::begin(app, claim).await? else { return Ok(false) };
    let current = store::users::lock(&mut write, user.id).await?;
    let Some(current) = current.filter(|current| current.version == user.version) else { return Ok(false) };
    store::users::update(&mut write, &User { version: claim.version, ..current }).await?;
    let settle = SettleNames { user: user.id, write_id: claim.write_id, version: claim.version, taken: lost.to_vec(), left: Vec::new() };
    let settle = enqueue(&mut write, settle).await?;
    let voids = keyspaces::voids(user.id, claim.version);
    record_voids(&mut write, &voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &voids).await;
    run_now(&app.shards, app, settle).await;
    Ok(true)
}
