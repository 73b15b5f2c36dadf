use chrono::{DateTime, Utc};
use magnitude_ids::{Bucket, Id};
use magnitude_session::TokenHash;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use sqlx::FromRow;

#[derive(Clone, Debug, FromRow)]
pub struct Row {
    pub id: i64,
    pub user_id: i64,
    pub device: String,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A session's row as it is first written.
pub struct New<'a> {
    pub id: Id,
    pub user: Id,
    pub hash: TokenHash,
    pub device: &'a str,
    pub now: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// False if the id is another session's: two may draw the same one in a bucket and millisecond.
pub async fn insert(write: &mut Write, new: &New<'_>) -> Result<bool, Error> {
    let done = sqlx::query(INSERT)
        .bind(new.user.bucket().as_i16())
        .bind(new.id.as_i64())
        .bind(new.hash.0.to_vec())
        .bind(new.user.as_i64())
        .bind(new.device)
        .bind(new.now)
        .bind(new.expires_at)
        .execute(&mut **write)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// A session that was not revoked and whose user exists, from the primary: a late replica would let a revoked one live on.
pub async fn find(shards: &Shards, bucket: Bucket, hash: TokenHash) -> Result<Option<Row>, Error> {
    shards.fetch_optional(bucket, Freshness::Primary, FIND, |q| q.bind(hash.0.to_vec())).await
}

/// A user's live sessions, newest first; each expires at the latest when it was idle for so many seconds.
pub async fn list(shards: &Shards, freshness: Freshness, user: Id, idle_s: i64) -> Result<Vec<Row>, Error> {
    shards.fetch_all(user.bucket(), freshness, LIST, |q| q.bind(user.as_i64()).bind(idle_s)).await
}

pub async fn touch(shards: &Shards, bucket: Bucket, session: i64, now: DateTime<Utc>) -> Result<(), Error> {
    shards.execute(bucket, TOUCH, |q| q.bind(session).bind(now)).await.map(drop)
}

/// Whether a session was not revoked, as this transaction sees it.
pub async fn is_live(write: &mut Write, user: Id, session: Id) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(IS_LIVE).bind(user.bucket().as_i16()).bind(user.as_i64()).bind(session.as_i64()).fetch_one(&mut **write).await?)
}

/// Revokes one session of a user.
pub async fn revoke(write: &mut Write, user: Id, session: Id) -> Result<Vec<TokenHash>, Error> {
    hashes(
        sqlx::query_scalar(REVOKE).bind(user.bucket().as_i16()).bind(user.as_i64()).bind(session.as_i64()).fetch_all(&mut **write).await?,
    )
}

/// Revokes all sessions of a user but one, and but those that expired.
pub async fn revoke_others(write: &mut Write, user: Id, kept: Id) -> Result<Vec<TokenHash>, Error> {
    hashes(
        sqlx::query_scalar(REVOKE_OTHERS)
            .bind(user.bucket().as_i16())
            .bind(user.as_i64())
            .bind(kept.as_i64())
            .fetch_all(&mut **write)
            .await?,
    )
}

pub(super) fn hashes(rows: Vec<Vec<u8>>) -> Result<Vec<TokenHash>, Error> {
    let hash = |row: Vec<u8>| row.try_into().map(TokenHash).map_err(|_| sqlx::Error::Decode("a token's hash has 32 bytes".into()));
    Ok(rows.into_iter().map(hash).collect::<Result<_, sqlx::Error>>()?)
}

pub(crate) const INSERT: &str = "
    insert into sessions (bucket, id, token_hash, user_id, device, created_at, last_used_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict (bucket, id) do nothing";

pub(crate) const FIND: &str = "
    select id, user_id, device, created_at, last_used_at, expires_at from sessions
    where (select sharding.owns($1, $2)) and bucket = $1 and token_hash = $3 and revoked_at is null
      and exists (select from users u where u.bucket = sessions.bucket and u.id = sessions.user_id)";

pub(crate) const LIST: &str = "
    select id, user_id, device, created_at, last_used_at, least(expires_at, last_used_at + $4::bigint * interval '1 second') as expires_at
    from sessions
    where (select sharding.owns($1, $2)) and bucket = $1 and user_id = $3 and revoked_at is null
      and expires_at > now() and last_used_at + $4::bigint * interval '1 second' > now()
    order by id desc limit 1000";

pub(crate) const TOUCH: &str = "
    update sessions set last_used_at = greatest(last_used_at, $3) where bucket = $1 and id = $2 and (select sharding.guard($1))";

pub(crate) const IS_LIVE: &str = "
    select exists (select from sessions where bucket = $1 and user_id = $2 and id = $3 and revoked_at is null)";

pub(crate) const REVOKE: &str = "
    update sessions set revoked_at = clock_timestamp(), expires_at = least(expires_at, clock_timestamp())
    where bucket = $1 and user_id = $2 and id = $3 and revoked_at is null returning token_hash";

pub(crate) const REVOKE_OTHERS: &str = "
    update sessions set revoked_at = clock_timestamp(), expires_at = clock_timestamp()
    where bucket = $1 and user_id = $2 and id <> $3 and revoked_at is null and expires_at > clock_timestamp() returning token_hash";

/// A day after its end, which a revocation brings forward; one that only went idle is found by no token and waits for its own.
pub(crate) const DELETE_ENDED: &str = "
    delete from sessions s using (
        select bucket, id from sessions join sharding.buckets b using (bucket)
        where expires_at < now() - interval '1 day' and b.state = 'owned' order by expires_at limit 1000) old
    where s.bucket = old.bucket and s.id = old.id and sharding.guard(old.bucket)
    returning s.bucket";
