use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use sqlx::FromRow;
use uuid::Uuid;

use crate::names::{Claim, Name};

/// Who holds a name. `since` is when it was reserved, in microseconds (and a minute later): it tells the holders of one name
/// apart in the cache, because versions count per user.
#[derive(Clone, Debug, FromRow)]
pub struct Held {
    pub user_id: i64,
    pub write_id: Uuid,
    pub since: i64,
    pub confirmed: bool,
    pub expired: bool,
}

/// A reservation that expired, wherever it is.
#[derive(Clone, Debug, FromRow)]
pub struct Expired {
    pub kind: String,
    pub name: String,
    #[sqlx(flatten)]
    pub held: Held,
}

/// Inserts the name for a minute; its own user may take it again for a later version. Returns since when it is held, unless
/// somebody holds it.
pub async fn insert(write: &mut Write, name: &Name, claim: Claim) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar(INSERT)
        .bind(name.bucket().as_i16())
        .bind(name.kind())
        .bind(&name.text)
        .bind(claim.user.as_i64())
        .bind(claim.write_id)
        .bind(claim.version)
        .fetch_optional(&mut **write)
        .await?)
}

pub async fn find_in(write: &mut Write, name: &Name) -> Result<Option<Held>, Error> {
    Ok(sqlx::query_as(FIND_IN).bind(name.bucket().as_i16()).bind(name.kind()).bind(&name.text).fetch_optional(&mut **write).await?)
}

pub async fn find(shards: &Shards, freshness: Freshness, name: &Name) -> Result<Option<Held>, Error> {
    shards.fetch_optional(name.bucket(), freshness, FIND, |q| q.bind(name.kind()).bind(&name.text)).await
}

pub async fn confirm(shards: &Shards, name: &Name, user: Id, write_id: Uuid) -> Result<(), Error> {
    shards.execute(name.bucket(), CONFIRM, |q| q.bind(name.kind()).bind(&name.text).bind(user.as_i64()).bind(write_id)).await.map(drop)
}

/// Deletes a reservation that was not confirmed; returns since when it was held. The same write, sent again, has another user.
pub async fn free(write: &mut Write, name: &Name, user: Id, write_id: Uuid) -> Result<Option<i64>, Error> {
    let query = sqlx::query_scalar(FREE).bind(name.bucket().as_i16()).bind(name.kind()).bind(&name.text);
    Ok(query.bind(user.as_i64()).bind(write_id).fetch_optional(&mut **write).await?)
}

/// Deletes what a user held up to a version: a later reservation of the same name by the same user
/// stays. Returns since when it was held.
pub async fn release(write: &mut Write, name: &Name, user: Id, version: i64) -> Result<Option<i64>, Error> {
    let query = sqlx::query_scalar(RELEASE).bind(name.bucket().as_i16()).bind(name.kind()).bind(&name.text);
    Ok(query.bind(user.as_i64()).bind(version).fetch_optional(&mut **write).await?)
}

/// Some reservations of every shard that expired unconfirmed.
pub async fn expired(shards: &Shards) -> Vec<Expired> {
    shards.execute_on_all(EXPIRED, |q| q).await
}

pub(crate) const INSERT: &str = "
    insert into names as n (bucket, kind, name, user_id, write_id, version, expires_at)
    values ($1, $2, $3, $4, $5, $6, clock_timestamp() + interval '60 seconds')
    on conflict (bucket, kind, name) do update
        set write_id = excluded.write_id, version = excluded.version, confirmed = false, expires_at = excluded.expires_at
        where n.user_id = excluded.user_id and n.version < excluded.version
    returning (extract(epoch from expires_at) * 1000000)::bigint";

pub(crate) const FIND_IN: &str = "
    select user_id, write_id, (extract(epoch from expires_at) * 1000000)::bigint as since, confirmed,
           expires_at < clock_timestamp() as expired
    from names
    where bucket = $1 and kind = $2 and name = $3";

pub(crate) const FIND: &str = "
    select user_id, write_id, (extract(epoch from expires_at) * 1000000)::bigint as since, confirmed, expires_at < now() as expired
    from names
    where (select sharding.owns($1, $2)) and bucket = $1 and kind = $3 and name = $4";

pub(crate) const CONFIRM: &str = "
    update names set confirmed = true
    where bucket = $1 and kind = $2 and name = $3 and user_id = $4 and write_id = $5 and (select sharding.guard($1))";

pub(crate) const FREE: &str = "
    delete from names
    where bucket = $1 and kind = $2 and name = $3 and user_id = $4 and write_id = $5 and not confirmed
    returning (extract(epoch from expires_at) * 1000000)::bigint";

pub(crate) const RELEASE: &str = "
    delete from names
    where bucket = $1 and kind = $2 and name = $3 and user_id = $4 and version <= $5
    returning (extract(epoch from expires_at) * 1000000)::bigint";

/// A key counts for a day, and an hour to be sure.
pub(crate) const FORGET_REGISTRATIONS: &str = "
    delete from names n using (
        select bucket, kind, name from names join sharding.buckets b using (bucket)
        where kind = 'registration' and confirmed and expires_at < now() - interval '25 hours' and b.state = 'owned'
        order by expires_at limit 1000) old
    where n.bucket = old.bucket and n.kind = old.kind and n.name = old.name and sharding.guard(old.bucket)
    returning n.bucket";

pub(crate) const EXPIRED: &str = "
    select kind, name, user_id, write_id, (extract(epoch from expires_at) * 1000000)::bigint as since, confirmed, true as expired
    from names
    join sharding.buckets b using (bucket)
    where not confirmed and expires_at < now() and b.state = 'owned' order by expires_at limit 100";
