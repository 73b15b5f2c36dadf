//! Favorites in the articles' buckets, and their mirrors in the users'.

use std::collections::HashMap;

use magnitude_ids::{Bucket, Id};
use magnitude_jobs::Job;
use magnitude_sharding::{Binds, Error, Freshness, ShardFreshness, Shards, Write};
use sqlx::{FromRow, Row, postgres::PgRow};

use crate::{
    jobs::{MirrorFavorite, RetractFavorites},
    store::id,
};

/// Rows of a page.
pub const PAGE: i64 = 1_000;

/// A row of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Favorite {
    pub article: Id,
    pub user: Id,
    pub active: bool,
    pub version: i64,
}

/// What the other side says of a favorite, by article and user.
pub type States = HashMap<(Id, Id), (bool, i64)>;

impl FromRow<'_, PgRow> for Favorite {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (article, user) = (id(row.try_get("article")?)?, id(row.try_get("user_id")?)?);
        Ok(Self { article, user, active: row.try_get("active")?, version: row.try_get("version")? })
    }
}

/// A page of the favorites of a bucket's articles, after an article and a user.
pub async fn truths(shards: &Shards, bucket: Bucket, after: (i64, i64)) -> Result<Vec<Favorite>, Error> {
    shards.fetch_all(bucket, Freshness::Primary, TRUTHS, |q| q.bind(after.0).bind(after.1).bind(PAGE)).await
}

/// A page of the mirrors of a bucket's users, after a user and an article.
pub async fn mirrors(shards: &Shards, bucket: Bucket, after: (i64, i64)) -> Result<Vec<Favorite>, Error> {
    shards.fetch_all(bucket, Freshness::Primary, MIRRORS, |q| q.bind(after.0).bind(after.1).bind(PAGE)).await
}

pub async fn mirrors_of(shards: &Shards, truths: &[Favorite]) -> Result<States, Error> {
    states(
        shards
            .fetch_grouped(
                truths,
                |truth| truth.user.bucket(),
                &ShardFreshness::new(),
                MIRRORS_OF,
                |q, some| pairs(q.bind(some.iter().map(|truth| truth.user.bucket().as_i16()).collect::<Vec<_>>()), some),
            )
            .await?,
    )
}

pub async fn truths_of(shards: &Shards, mirrors: &[Favorite]) -> Result<States, Error> {
    states(
        shards
            .fetch_grouped(
                mirrors,
                |mirror| mirror.article.bucket(),
                &ShardFreshness::new(),
                TRUTHS_OF,
                |q, some| pairs(q.bind(some.iter().map(|mirror| mirror.article.bucket().as_i16()).collect::<Vec<_>>()), some),
            )
            .await?,
    )
}

fn pairs(q: Binds, some: &[&Favorite]) -> Binds {
    q.bind(some.iter().map(|favorite| favorite.article.as_i64()).collect::<Vec<_>>())
        .bind(some.iter().map(|favorite| favorite.user.as_i64()).collect::<Vec<_>>())
}

#[expect(clippy::unnecessary_wraps, reason = "it ends what may fail")]
fn states(rows: Vec<Favorite>) -> Result<States, Error> {
    Ok(rows.into_iter().map(|row| ((row.article, row.user), (row.active, row.version))).collect())
}

/// Those of a bucket's favorites, as they are now, that no job is about to mirror. A favorite and its job are of one transaction, and the
/// job's row goes only when the mirror is written: one without shows in every mirror that is read from now on.
pub async fn mirrored(shards: &Shards, bucket: Bucket, some: &[Favorite]) -> Result<Vec<Favorite>, Error> {
    let (articles, users): (Vec<_>, Vec<_>) = some.iter().map(|one| (one.article.as_i64(), one.user.as_i64())).unzip();
    let (article_texts, user_texts): (Vec<_>, Vec<_>) = some.iter().map(|one| (one.article.to_string(), one.user.to_string())).unzip();
    let bind = |q: Binds| q.bind(&articles).bind(&users).bind(&article_texts).bind(&user_texts).bind(MirrorFavorite::KIND);
    shards.fetch_all(bucket, Freshness::Primary, MIRRORED, bind).await
}

/// Whether no job is about to retract the favorites of a deleted article.
pub async fn is_retracted(shards: &Shards, article: Id) -> Result<bool, Error> {
    let bind = |q: Binds| q.bind(article.to_string()).bind(RetractFavorites::KIND);
    let retracted: Option<(bool,)> = shards.fetch_optional(article.bucket(), Freshness::Primary, RETRACTED, bind).await?;
    Ok(retracted == Some((true,)))
}

/// Puts a mirror to this state and counts it, if it is what was read; whether it was. The favoriter must be locked.
pub async fn correct(write: &mut Write, read: &Favorite, (active, version): (bool, i64)) -> Result<bool, Error> {
    let query = sqlx::query(CORRECT).bind(read.user.bucket().as_i16()).bind(read.user.as_i64()).bind(read.article.as_i64());
    Ok(query.bind(read.version).bind(active).bind(version).execute(&mut **write).await?.rows_affected() > 0)
}

pub(crate) const TRUTHS: &str = "
    select article, user_id, active, version from favorites
    where (select sharding.owns($1, $2)) and bucket = $1 and (article, user_id) > ($3, $4) order by article, user_id limit $5";

pub(crate) const MIRRORS: &str = "
    select article, user_id, active, version from favorites_by_user
    where (select sharding.owns($1, $2)) and bucket = $1 and (user_id, article) > ($3, $4) order by user_id, article limit $5";

pub(crate) const MIRRORS_OF: &str = "
    select article, user_id, active, version
    from unnest($2::smallint[], $3::bigint[], $4::bigint[]) w (bucket, article, user_id)
    join favorites_by_user using (bucket, article, user_id) where (select sharding.covers($1))";

pub(crate) const TRUTHS_OF: &str = "
    select article, user_id, active, version
    from unnest($2::smallint[], $3::bigint[], $4::bigint[]) w (bucket, article, user_id)
    join favorites using (bucket, article, user_id) where (select sharding.covers($1))";

pub(crate) const MIRRORED: &str = "
    select article, user_id, active, version
    from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[]) w (article, user_id, article_text, user_text)
    join favorites using (article, user_id)
    where (select sharding.owns($1, $2)) and bucket = $1 and not exists (
        select from jobs.jobs j
        where j.bucket = $1 and j.kind = $7 and j.payload ->> 'article' = article_text and j.payload ->> 'user' = user_text)";

pub(crate) const RETRACTED: &str = "
    select not exists (select from jobs.jobs where bucket = $1 and kind = $4 and payload ->> 'article' = $3)
    where (select sharding.owns($1, $2))";

pub(crate) const CORRECT: &str = "
    with old as (select active from favorites_by_user where bucket = $1 and user_id = $2 and article = $3 and version = $4),
    new as (
        update favorites_by_user set active = $5, version = $6
        where bucket = $1 and user_id = $2 and article = $3 and version = $4 returning active)
    update favoriters set articles = articles + new.active::int - old.active::int from old, new where bucket = $1 and user_id = $2";
