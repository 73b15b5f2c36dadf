use magnitude_contract::accounts::Profile;
use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards, Write};
use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

use super::id;
use crate::account::Account;

#[derive(Clone, Debug)]
pub struct User {
    pub id: Id,
    pub username: String,
    pub email: String,
    pub password_hash: String,
    pub bio: Option<String>,
    pub image: Option<String>,
    pub version: i64,
    pub write_id: Uuid,
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id(row.try_get("id")?)?,
            username: row.try_get("username")?,
            email: row.try_get("email")?,
            password_hash: row.try_get("password_hash")?,
            bio: row.try_get("bio")?,
            image: row.try_get("image")?,
            version: row.try_get("version")?,
            write_id: row.try_get("write_id")?,
        })
    }
}

impl User {
    pub fn account(&self) -> Account {
        Account { email: self.email.clone(), username: self.username.clone(), bio: self.bio.clone(), image: self.image.clone() }
    }

    pub fn profile(&self) -> Profile {
        Profile { id: self.id, username: self.username.clone(), bio: self.bio.clone(), image: self.image.clone() }
    }
}

/// What the first body of a keyed registration said, as it can be compared with another.
#[derive(Clone, Debug, FromRow)]
pub struct First {
    pub first_names: Vec<u8>,
    pub first_password_hash: String,
}

/// False if the id is another user's: two may draw the same one in a bucket and millisecond.
pub async fn insert(write: &mut Write, user: &User, first: Option<&First>) -> Result<bool, Error> {
    let done = sqlx::query(INSERT)
        .bind(user.id.bucket().as_i16())
        .bind(user.id.as_i64())
        .bind(&user.username)
        .bind(&user.email)
        .bind(&user.password_hash)
        .bind(user.write_id)
        .bind(first.map(|first| first.first_names.as_slice()))
        .bind(first.map(|first| first.first_password_hash.as_str()))
        .execute(&mut **write)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What a keyed registration said first, while its key counts.
pub async fn first(shards: &Shards, user: Id) -> Result<Option<First>, Error> {
    shards.fetch_optional(user.bucket(), Freshness::Primary, FIRST, |q| q.bind(user.as_i64())).await
}

pub async fn find(shards: &Shards, freshness: Freshness, user: Id) -> Result<Option<User>, Error> {
    shards.fetch_optional(user.bucket(), freshness, FIND, |q| q.bind(user.as_i64())).await
}

pub async fn find_many(shards: &Shards, freshness: &ShardFreshness, users: &[Id]) -> Result<Vec<User>, Error> {
    let bind = |q: magnitude_sharding::Binds, ids: &[&Id]| {
        let buckets: Vec<_> = ids.iter().map(|id| id.bucket().as_i16()).collect();
        q.bind(buckets).bind(ids.iter().map(|id| id.as_i64()).collect::<Vec<_>>())
    };
    shards.fetch_grouped(users, |id| id.bucket(), freshness, FIND_MANY, bind).await
}

/// Those of these contents that some user's image names, wherever it is served from.
pub async fn images(shards: &Shards, hashes: &[String]) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = shards.fetch_from_all(&ShardFreshness::new(), IMAGES, |q| q.bind(hashes)).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// The user, locked until the transaction ends.
pub async fn lock(write: &mut Write, user: Id) -> Result<Option<User>, Error> {
    Ok(sqlx::query_as(LOCK).bind(user.bucket().as_i16()).bind(user.as_i64()).fetch_optional(&mut **write).await?)
}

/// Writes a locked user's new state, one version on.
pub async fn update(write: &mut Write, user: &User) -> Result<(), Error> {
    sqlx::query(UPDATE)
        .bind(user.id.bucket().as_i16())
        .bind(user.id.as_i64())
        .bind(&user.username)
        .bind(&user.email)
        .bind(&user.password_hash)
        .bind(&user.bio)
        .bind(&user.image)
        .bind(user.version)
        .execute(&mut **write)
        .await?;
    Ok(())
}

pub(crate) const INSERT: &str = "
    insert into users (bucket, id, username, email, password_hash, write_id, first_names, first_password_hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (bucket, id) do nothing";

pub(crate) const FIRST: &str = "
    select first_names, first_password_hash from users
    where (select sharding.owns($1, $2)) and bucket = $1 and id = $3 and first_names is not null and first_password_hash is not null";

/// As long as the key's name is kept: a password's hash must not stay for longer than it serves.
pub(crate) const FORGET_FIRST: &str = "
    update users u set first_names = null, first_password_hash = null from (
        select bucket, id from users join sharding.buckets b using (bucket)
        where first_password_hash is not null and created_at < now() - interval '25 hours' and b.state = 'owned'
        order by created_at limit 1000) old
    where u.bucket = old.bucket and u.id = old.id and sharding.guard(old.bucket)
    returning u.bucket";

pub(crate) const FIND: &str = "
    select id, username, email, password_hash, bio, image, version, write_id from users
    where (select sharding.owns($1, $2)) and bucket = $1 and id = $3";

pub(crate) const FIND_MANY: &str = "
    select u.id, username, email, password_hash, bio, image, version, write_id
    from unnest($2::smallint[], $3::bigint[]) w (bucket, id) join users u using (bucket, id)
    where (select sharding.covers($1))";

/// The expression is that of the index.
pub const IMAGES: &str = "
    select distinct substring(image from '/objects/([0-9a-f]{64})$') from users
    where bucket in (select bucket from sharding.held) and (select sharding.covers($1))
      and substring(image from '/objects/([0-9a-f]{64})$') = any($2)";

pub(crate) const LOCK: &str = "
    select id, username, email, password_hash, bio, image, version, write_id from users where bucket = $1 and id = $2 for update";

pub(crate) const UPDATE: &str = "
    update users set username = $3, email = $4, password_hash = $5, bio = $6, image = $7, version = $8 where bucket = $1 and id = $2";
