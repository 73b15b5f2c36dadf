//! Finding users, through the cache.

use std::{collections::HashMap, sync::Arc};

use magnitude_cache::Versioned;
use magnitude_chassis::ApiError;
use magnitude_contract::accounts::Profile;
use magnitude_ids::Id;
use magnitude_sharding::Freshness;
use uuid::Uuid;

use crate::{
    App,
    keyspaces::{PROFILES, USERNAMES},
    names::Name,
    store::{self, users::User},
};

/// The users of these ids that exist.
pub async fn profiles(app: &App, ids: &[Id]) -> Result<Vec<Arc<Profile>>, ApiError> {
    let keys: Vec<_> = ids.iter().map(|id| (id.bucket(), id.to_string())).collect();
    let found = app.cache.get_many(&PROFILES, &keys, async |missing, freshness| {
        let wanted: Vec<_> = missing.iter().map(|index| ids[*index]).collect();
        let index: HashMap<Id, usize> = wanted.iter().copied().zip(missing).collect();
        let users = store::users::find_many(&app.shards, &freshness, &wanted).await?;
        let found = users.into_iter().filter_map(|user| Some((*index.get(&user.id)?, Versioned::new(user.version, user.profile()))));
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().flatten().collect())
}

/// The user of a username: the name's row leads to the user, whose own row must say the same.
pub async fn by_username(app: &App, username: &str) -> Result<Option<Arc<Profile>>, ApiError> {
    let name = Name::username(username);
    let led = app.cache.get(&USERNAMES, name.bucket(), &name.text, async |freshness| {
        let held = store::names::find(&app.shards, freshness, &name).await?;
        Ok::<_, ApiError>(held.and_then(|held| Some(Versioned::new(held.since, Id::from_i64(held.user_id)?))))
    });
    let Some(user) = led.await? else { return Ok(None) };
    let profile = profiles(app, &[*user]).await?.pop();
    Ok(profile.filter(|profile| Name::username(&profile.username) == name))
}

/// The user of an email, from primaries: sign-in must not read a late copy of a password.
pub async fn by_email(app: &App, email: &str) -> Result<Option<User>, ApiError> {
    let name = Name::email(email);
    Ok(holder(app, &name).await?.filter(|user| Name::email(&user.email) == name))
}

/// The user that a registration made, by a name that was reserved for it, whatever was changed of the user since.
pub async fn by_registration(app: &App, name: &Name, write_id: Uuid) -> Result<Option<User>, ApiError> {
    Ok(holder(app, name).await?.filter(|user| user.write_id == write_id))
}

/// Whom a name's row leads to, from primaries.
async fn holder(app: &App, name: &Name) -> Result<Option<User>, ApiError> {
    let held = store::names::find(&app.shards, Freshness::Primary, name).await?;
    let Some(id) = held.and_then(|held| Id::from_i64(held.user_id)) else { return Ok(None) };
    Ok(store::users::find(&app.shards, Freshness::Primary, id).await?)
}
