//! The nightly recount: users and the look-ups of their names are compared, and what differs is put right. What a write under way reserves,
//! takes or leaves is that write's, and its jobs'; what expired is the sweeper's.

mod restore;

use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{JobError, Walk, report_drift};
use magnitude_sharding::{Error, ShardFreshness};
use serde::{Deserialize, Serialize};

use crate::{
    App,
    names::{self, Name},
    store::{
        id,
        recount::{FIRST, LookUp, filled, holders, look_ups, settled, users},
        users::{User, find_many},
    },
};

const LOST: &str = "names of users";
const LEFT: &str = "names without a user";

/// What of a bucket is compared, and after which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recount {
    /// Look-ups here, after a kind and a name: that their users bear the names.
    LookUps((String, String)),
    /// Users here: that they are found by their names.
    Users(i64),
}

impl Default for Recount {
    fn default() -> Self {
        Self::LookUps(Default::default())
    }
}

impl Walk for Recount {
    type State = App;
    const KIND: &'static str = "recount";
    const PART: &'static str = "recount_buckets";

    async fn filled(app: &App, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
        filled(&app.shards, first, last).await
    }

    async fn page(&self, app: &App, bucket: Bucket) -> Result<Option<Self>, JobError> {
        match self {
            Self::LookUps(after) => Ok(Some(of_look_ups(app, bucket, after).await?.map_or(Self::Users(FIRST), Self::LookUps))),
            Self::Users(after) => Ok(of_users(app, bucket, *after).await?.map(Self::Users)),
        }
    }
}

async fn of_look_ups(app: &App, bucket: Bucket, after: &(String, String)) -> Result<Option<(String, String)>, Error> {
    let (page, next) = look_ups(&app.shards, bucket, after).await?;
    let ids = page.iter().map(|look_up| id(look_up.user_id)).collect::<Result<Vec<_>, _>>()?;
    let bearers = find_many(&app.shards, &ShardFreshness::new(), &ids).await?;
    let is_borne =
        |look_up: &&LookUp| bearers.iter().any(|user| user.id.as_i64() == look_up.user_id && names_of(user).contains(&look_up.name()));
    let mut released = 0;
    for look_up in page.iter().filter(|look_up| !is_borne(look_up)) {
        released += usize::from(release(app, look_up).await?);
    }
    report_drift(LEFT, released, released);
    Ok(next)
}

/// Gives a name back that its user does not bear, as the job would have that the user's write left; whether that is so. A user who takes it
/// just now does so for a later version.
async fn release(app: &App, look_up: &LookUp) -> Result<bool, Error> {
    let (user, name) = (id(look_up.user_id)?, look_up.name());
    let Some(bearer) = settled(&app.shards, user).await? else { return Ok(false) };
    let upto = bearer.version.unwrap_or(look_up.version);
    if bearer.bears(&name) || look_up.version > upto {
        return Ok(false);
    }
    // The look-up may be gone since it was read: then its job came first.
    names::release(app, &name, user, upto).await
}

async fn of_users(app: &App, bucket: Bucket, after: i64) -> Result<Option<i64>, Error> {
    let (page, next) = users(&app.shards, bucket, after).await?;
    report_drift(LOST, 0, 0);
    for (user, lost) in lost(app, &page).await? {
        if let Some(restored) = restore::restore(app, user, &lost).await? {
            report_drift(LOST, lost.len(), if restored { lost.len() } else { 0 });
        }
    }
    Ok(next)
}

/// Who is not found by a name, and by which.
async fn lost<'a>(app: &App, page: &'a [User]) -> Result<Vec<(&'a User, Vec<Name>)>, Error> {
    let names: Vec<_> = page.iter().flat_map(names_of).collect();
    let holders = holders(&app.shards, &names).await?;
    let finds = |name: &Name, user: Id| holders.iter().any(|holder| holder.user_id == user.as_i64() && holder.name() == *name);
    let of_user = |user: &'a User| (user, names_of(user).into_iter().filter(|name| !finds(name, user.id)).collect::<Vec<_>>());
    Ok(page.iter().map(of_user).filter(|(_, lost)| !lost.is_empty()).collect())
}

fn names_of(user: &User) -> [Name; 2] {
    [Name::username(&user.username), Name::email(&user.email)]
}
