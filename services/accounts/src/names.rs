//! Names that are unique across shards. Reserve a name, write the user's row, confirm; what was reserved by a write that never
//! came is freed by whoever meets it, after making sure that the write never will come.

use magnitude_cache::Void;
use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Begun, Error, Freshness, Write, WriteId};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::{App, keyspaces::USERNAMES, store};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Username,
    Email,
    /// Of a registration's idempotency key: leads to the user that it made.
    Registration,
}

/// A name as it is compared: NFC, and an email in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub kind: Kind,
    pub text: String,
}

impl Name {
    pub fn username(text: &str) -> Self {
        Self { kind: Kind::Username, text: text.nfc().collect() }
    }

    pub fn email(text: &str) -> Self {
        Self { kind: Kind::Email, text: text.nfc().collect::<String>().to_lowercase() }
    }

    pub fn registration(write_id: Uuid) -> Self {
        Self { kind: Kind::Registration, text: write_id.to_string() }
    }

    pub fn bucket(&self) -> Bucket {
        Bucket::of_name(&self.text)
    }

    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Username => "username",
            Kind::Email => "email",
            Kind::Registration => "registration",
        }
    }

    /// What the cache knows of holders before `since`.
    fn void(&self, since: i64) -> Vec<Void> {
        match self.kind {
            Kind::Username => vec![USERNAMES.void(self.bucket(), &self.text, since)],
            Kind::Email | Kind::Registration => Vec::new(),
        }
    }
}

/// For whom a name is reserved, and the write that is to take it.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub user: Id,
    pub write_id: Uuid,
    pub version: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    Ours,
    /// By this same write, in an earlier request.
    SameWrite,
    /// By another write of the same user.
    SameUser,
    Taken,
}

/// Takes a name for a write that follows.
pub async fn reserve(app: &App, name: &Name, claim: Claim) -> Result<Reserved, Error> {
    // A freed name may be taken again by another at once: a few turns, then it is taken.
    for _ in 0..3 {
        let mut write = app.shards.write(name.bucket()).await?;
        if let Some(since) = store::names::insert(&mut write, name, claim).await? {
            let committed = write.commit().await?;
            app.cache.wrote(&committed, &name.void(since)).await;
            return Ok(Reserved::Ours);
        }
        let held = store::names::find_in(&mut write, name).await?;
        write.rollback().await;
        let Some(held) = held else { continue };
        if held.confirmed || !held.expired || settle(app, name, &held).await? {
            return Ok(if held.write_id == claim.write_id {
                Reserved::SameWrite
            } else if held.user_id == claim.user.as_i64() {
                Reserved::SameUser
            } else {
                Reserved::Taken
            });
        }
    }
    Ok(Reserved::Taken)
}

/// The same, also where another write of the same user holds the name and has not come for a while: its process may have died.
/// That one is settled; if it was only late it does not come any more, and begins anew.
pub async fn insist(app: &App, name: &Name, claim: Claim) -> Result<Reserved, Error> {
    let reserved = reserve(app, name, claim).await?;
    if reserved != Reserved::SameUser {
        return Ok(reserved);
    }
    let held = store::names::find(&app.shards, Freshness::Primary, name).await?;
    if let Some(held) = held.filter(|held| held.user_id == claim.user.as_i64() && !held.confirmed) {
        settle(app, name, &held).await?;
    }
    reserve(app, name, claim).await
}

/// Settles a reservation that expired: true if its write had come after all and the name is confirmed, false if it is free now.
pub async fn settle(app: &App, name: &Name, held: &store::names::Held) -> Result<bool, Error> {
    let user = Id::from_i64(held.user_id).ok_or(Error::BucketUnavailable)?;
    if app.shards.was_committed(user.bucket(), held.write_id).await? {
        confirm(app, name, user, held.write_id).await?;
        return Ok(true);
    }
    free(app, name, user, held.write_id).await?;
    Ok(false)
}

/// Begins the write that names were reserved for. Nothing if one of them was met after it had expired: then it was settled
/// that this write never comes.
pub async fn begin(app: &App, claim: Claim) -> Result<Option<Write>, Error> {
    match app.shards.begin(claim.user.bucket(), &WriteId::with_id(claim.write_id)).await {
        Ok(Begun::New(write)) => Ok(Some(write)),
        Ok(Begun::Repeated(_)) | Err(Error::GivenUp) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a reserved name for good.
pub async fn confirm(app: &App, name: &Name, user: Id, write_id: Uuid) -> Result<(), Error> {
    store::names::confirm(&app.shards, name, user, write_id).await
}

/// Gives a reserved name back.
pub async fn free(app: &App, name: &Name, user: Id, write_id: Uuid) -> Result<(), Error> {
    let mut write = app.shards.write(name.bucket()).await?;
    let since = store::names::free(&mut write, name, user, write_id).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &since.map_or_else(Vec::new, |since| name.void(since + 1))).await;
    Ok(())
}

/// Gives back what was reserved for a write that will not be made.
pub async fn give_back(app: &App, names: &[&Name], claim: Claim) {
    for name in names {
        if let Err(error) = free(app, name, claim.user, claim.write_id).await {
            tracing::warn!(%error, "a reserved name was not given back: its reservation expires");
        }
    }
}

/// Gives a name back that a user had up to `version`; whether it still was the user's.
pub async fn release(app: &App, name: &Name, user: Id, version: i64) -> Result<bool, Error> {
    let mut write = app.shards.write(name.bucket()).await?;
    let since = store::names::release(&mut write, name, user, version).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &since.map_or_else(Vec::new, |since| name.void(since + 1))).await;
    Ok(since.is_some())
}
