//! Follows in the followers' buckets, and their mirrors in the followees'.

use std::collections::HashMap;

use magnitude_ids::{Bucket, Id};
use magnitude_jobs::Job;
use magnitude_sharding::{Binds, Error, Freshness, ShardFreshness, Shards};
use sqlx::{FromRow, Row, postgres::PgRow};

use crate::jobs::MirrorFollow;

/// Rows of a page.
pub const PAGE: i64 = 1_000;

/// A row of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    pub follower: Id,
    pub followee: Id,
    pub active: bool,
    pub version: i64,
}

/// What the other side says of a follow, by follower and followee.
pub type States = HashMap<(Id, Id), (bool, i64)>;

impl FromRow<'_, PgRow> for Follow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let id = |column| {
            let number = row.try_get(column)?;
            Id::from_i64(number).ok_or_else(|| sqlx::Error::Decode(format!("{number} is no id").into()))
        };
        Ok(Self { follower: id("follower")?, followee: id("followee")?, active: row.try_get("active")?, version: row.try_get("version")? })
    }
}

/// A page of whom a bucket's users follow, after a follower and a followee.
pub async fn truths(shards: &Shards, bucket: Bucket, after: (i64, i64)) -> Result<Vec<Follow>, Error> {
    shards.fetch_all(bucket, Freshness::Primary, TRUTHS, |q| q.bind(after.0).bind(after.1).bind(PAGE)).await
}

/// A page of who follows a bucket's users, after a followee and a follower.
pub async fn mirrors(shards: &Shards, bucket: Bucket, after: (i64, i64)) -> Result<Vec<Follow>, Error> {
    shards.fetch_all(bucket, Freshness::Primary, MIRRORS, |q| q.bind(after.0).bind(after.1).bind(PAGE)).await
}

pub async fn mirrors_of(shards: &Shards, truths: &[Follow]) -> Result<States, Error> {
    other_side(shards, truths, |follow| follow.followee.bucket(), MIRRORS_OF).await
}

pub async fn truths_of(shards: &Shards, mirrors: &[Follow]) -> Result<States, Error> {
    other_side(shards, mirrors, |follow| follow.follower.bucket(), TRUTHS_OF).await
}

async fn other_side(shards: &Shards, follows: &[Follow], home: fn(&Follow) -> Bucket, sql: &'static str) -> Result<States, Error> {
    let bind = |q: Binds, some: &[&Follow]| {
        q.bind(some.iter().map(|follow| home(follow).as_i16()).collect::<Vec<_>>())
            .bind(some.iter().map(|follow| follow.follower.as_i64()).collect::<Vec<_>>())
            .bind(some.iter().map(|follow| follow.followee.as_i64()).collect::<Vec<_>>())
    };
    let rows: Vec<Follow> = shards.fetch_grouped(follows, home, &ShardFreshness::new(), sql, bind).await?;
    Ok(rows.into_iter().map(|row| ((row.follower, row.followee), (row.active, row.version))).collect())
}

/// Those of a bucket's follows, as they are now, that no job is about to mirror. A follow and its job are of one transaction, and the job's
/// row goes only when the mirror is written: one without shows in every mirror that is read from now on.
pub async fn mirrored(shards: &Shards, bucket: Bucket, some: &[Follow]) -> Result<Vec<Follow>, Error> {
    let (followers, followees): (Vec<_>, Vec<_>) = some.iter().map(|one| (one.follower.as_i64(), one.followee.as_i64())).unzip();
    let (follower_texts, followee_texts): (Vec<_>, Vec<_>) =
        some.iter().map(|one| (one.follower.to_string(), one.followee.to_string())).unzip();
    let bind = |q: Binds| q.bind(&followers).bind(&followees).bind(&follower_texts).bind(&followee_texts).bind(MirrorFollow::KIND);
    shards.fetch_all(bucket, Freshness::Primary, MIRRORED, bind).await
}

/// Puts a mirror to this state if it is what was read; whether it was. The version may be a lower one, so that the next change shows.
pub async fn correct(shards: &Shards, read: &Follow, (active, version): (bool, i64)) -> Result<bool, Error> {
    let bind = |q: Binds| at(q, read).bind(active).bind(version);
    Ok(shards.execute(read.followee.bucket(), CORRECT, bind).await? > 0)
}

/// Deletes a mirror if it is what was read; whether it was. A row that stayed would hide the first versions of a follow to come.
pub async fn delete(shards: &Shards, read: &Follow) -> Result<bool, Error> {
    Ok(shards.execute(read.followee.bucket(), DELETE, |q| at(q, read)).await? > 0)
}

fn at(q: Binds, read: &Follow) -> Binds {
    q.bind(read.followee.as_i64()).bind(read.follower.as_i64()).bind(read.version)
}

pub(crate) const TRUTHS: &str = "
    select follower, followee, active, version from follows
    where (select sharding.owns($1, $2)) and bucket = $1 and (follower, followee) > ($3, $4) order by follower, followee limit $5";

pub(crate) const MIRRORS: &str = "
    select follower, followee, active, version from followers
    where (select sharding.owns($1, $2)) and bucket = $1 and (followee, follower) > ($3, $4) order by followee, follower limit $5";

pub(crate) const MIRRORS_OF: &str = "
    select follower, followee, active, version
    from unnest($2::smallint[], $3::bigint[], $4::bigint[]) w (bucket, follower, followee)
    join followers using (bucket, follower, followee) where (select sharding.covers($1))";

pub(crate) const TRUTHS_OF: &str = "
    select follower, followee, active, version
    from unnest($2::smallint[], $3::bigint[], $4::bigint[]) w (bucket, follower, followee)
    join follows using (bucket, follower, followee) where (select sharding.covers($1))";

pub(crate) const MIRRORED: &str = "
    select follower, followee, active, version
    from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) w (follower, followee, follower_text, followee_text)
    join follows using (follower, followee)
    where (select sharding.owns($1, $2)) and bucket = $1 and not exists (
        select from jobs.jobs j
        where j.bucket = $1 and j.kind = $7 and j.payload ->> 'follower' = follower_text and j.payload ->> 'followee' = followee_text)";

pub(crate) const CORRECT: &str = "
    update followers set active = $5, version = $6
    where bucket = $1 and followee = $2 and follower = $3 and version = $4 and (select sharding.guard($1))";

pub(crate) const DELETE: &str = "
    delete from followers where bucket = $1 and followee = $2 and follower = $3 and version = $4 and (select sharding.guard($1))";
