use magnitude_contract::accounts::Profile;
use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards, Write};
use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

use super::id;

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
    pub fn profile(&self) -> Profile {
        Profile { id: self.id, username: self.username.clone(), bio: self.bio.clone(), image: self.image.clone() }
    }
}

pub async fn insert(write: &mut Write, user: &User) -> Result<(), Error> {
    sqlx::query(INSERT)
        .bind(user.id.bucket().as_i16())
        .bind(user.id.as_i64())
        .bind(&user.username)
        .bind(&user.email)
        .bind(&user.password_hash)
        .bind(user.write_id)
        .execute(&mut **write)
        .await?;
    Ok(())
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
    insert into users (bucket, id, username, email, password_hash, write_id) values ($1, $2, $3, $4, $5, $6)";

pub(crate) const FIND: &str = "
    select id, username, email, password_hash, bio, image, version, write_id from users
    where (select sharding.owns($1, $2)) and bucket = $1 and id = $3";

pub(crate) const FIND_MANY: &str = "
    select u.id, username, email, password_hash, bio, image, version, write_id
    from unnest($2::smallint[], $3::bigint[]) w (bucket, id) join users u using (bucket, id)
    where (select sharding.covers($1))";

pub(crate) const LOCK: &str = "
    select id, username, email, password_hash, bio, image, version, write_id from users where bucket = $1 and id = $2 for update";

pub(crate) const UPDATE: &str = "
    update users set username = $3, email = $4, password_hash = $5, bio = $6, image = $7, version = $8 where bucket = $1 and id = $2";
