use std::collections::HashMap;

use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards, Write};
use sqlx::FromRow;

use super::{buckets, id, numbers};
use crate::article::Favorites;

/// How many rows share an article's count.
const SLOTS: i16 = 16;

/// How many favorited each of the given articles: one statement a shard.
pub async fn counts(shards: &Shards, freshness: &ShardFreshness, articles: &[Id]) -> Result<HashMap<Id, i64>, Error> {
    let bind = |q: magnitude_sharding::Binds, ids: &[&Id]| q.bind(buckets(ids)).bind(numbers(ids));
    let rows: Vec<(i64, i64)> = shards.fetch_grouped(articles, |id| id.bucket(), freshness, COUNTS, bind).await?;
    Ok(rows.into_iter().map(|(article, count)| Ok((id(article)?, count))).collect::<Result<_, sqlx::Error>>()?)
}

/// Whether `viewer` favorited each of the given articles, and the version of that; zero where it never was so.
pub async fn flags(shards: &Shards, freshness: &ShardFreshness, articles: &[Id], viewer: Id) -> Result<HashMap<Id, (bool, i64)>, Error> {
    let bind = |q: magnitude_sharding::Binds, ids: &[&Id]| q.bind(buckets(ids)).bind(numbers(ids)).bind(viewer.as_i64());
    let rows: Vec<(i64, bool, i64)> = shards.fetch_grouped(articles, |id| id.bucket(), freshness, FLAGS, bind).await?;
    Ok(rows.into_iter().map(|(article, active, version)| Ok((id(article)?, (active, version)))).collect::<Result<_, sqlx::Error>>()?)
}

/// The count of one article and a viewer's own favorite, as this transaction sees them.
pub async fn of_one(write: &mut Write, article: Id, viewer: Id) -> Result<Favorites, Error> {
    let query = sqlx::query_as(OF_ONE).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(viewer.as_i64());
    let (count, favorited) = query.fetch_one(&mut **write).await?;
    Ok(Favorites { count, favorited })
}

/// Holds an article against deletion while it is favorited, and says whether it is there. An advisory lock rather than a
/// row lock: thousands may hold it at once without writing the row.
pub async fn hold(write: &mut Write, article: Id) -> Result<bool, Error> {
    sqlx::query(HOLD).bind(article.as_i64()).execute(&mut **write).await?;
    // A statement of its own: its snapshot must be newer than the lock.
    Ok(sqlx::query_scalar(EXISTS).bind(article.bucket().as_i16()).bind(article.as_i64()).fetch_one(&mut **write).await?)
}

/// The other side of [`hold`]: waits for all who favorite the article just now.
pub async fn close(write: &mut Write, article: Id) -> Result<(), Error> {
    sqlx::query(CLOSE).bind(article.as_i64()).execute(&mut **write).await?;
    Ok(())
}

/// What turning a favorite on or off changed.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Changed {
    pub version: i64,
    /// The user never favorited the article before.
    pub first: bool,
}

/// Turns a favorite on or off and counts it; nothing if it was so already.
pub async fn set(write: &mut Write, article: Id, user: Id, active: bool) -> Result<Option<Changed>, Error> {
    let changed: Option<Changed> = sqlx::query_as(if active { ON } else { OFF })
        .bind(article.bucket().as_i16())
        .bind(article.as_i64())
        .bind(user.as_i64())
        .fetch_optional(&mut **write)
        .await?;
    if changed.is_some() {
        add(write, article, if active { 1 } else { -1 }).await?;
    }
    Ok(changed)
}

async fn add(write: &mut Write, article: Id, by: i64) -> Result<(), Error> {
    sqlx::query(ADD)
        .bind(article.bucket().as_i16())
        .bind(article.as_i64())
        .bind(rand::random_range(0..SLOTS))
        .bind(by)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Whether a user's favorite is on, and its version; from the primary, since a mirror is made of it.
pub async fn find(shards: &Shards, article: Id, user: Id) -> Result<Option<(bool, i64)>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(article.as_i64()).bind(user.as_i64());
    shards.fetch_optional(article.bucket(), Freshness::Primary, FIND, bind).await
}

/// Applies a change of `favorites` to the user's mirror, unless a newer one was applied already, and counts it. One of the same version is
/// the same change, so it is applied where the mirror says otherwise.
pub async fn mirror(write: &mut Write, user: Id, article: Id, active: bool, version: i64) -> Result<(), Error> {
    let bucket = user.bucket().as_i16();
    lock_favoriter(write, user).await?;
    sqlx::query(MIRROR).bind(bucket).bind(user.as_i64()).bind(article.as_i64()).bind(active).bind(version).execute(&mut **write).await?;
    Ok(())
}

/// Mirrors of one user come one after another, so what each adds to their count is exact.
pub async fn lock_favoriter(write: &mut Write, user: Id) -> Result<(), Error> {
    sqlx::query(LOCK_FAVORITER).bind(user.bucket().as_i16()).bind(user.as_i64()).execute(&mut **write).await?;
    Ok(())
}

pub(crate) const COUNTS: &str = "
    select w.id, coalesce((select sum(favorites) from favorite_counts c where c.bucket = w.bucket and c.article = w.id), 0)::bigint
    from unnest($2::smallint[], $3::bigint[]) w (bucket, id) where (select sharding.covers($1))";

pub(crate) const FLAGS: &str = "
    select w.id, coalesce(f.active, false), coalesce(f.version, 0)
    from unnest($2::smallint[], $3::bigint[]) w (bucket, id)
    left join favorites f on f.bucket = w.bucket and f.article = w.id and f.user_id = $4
    where (select sharding.covers($1))";

pub(crate) const OF_ONE: &str = "
    select coalesce((select sum(favorites) from favorite_counts where bucket = $1 and article = $2), 0)::bigint,
           exists (select from favorites where bucket = $1 and article = $2 and user_id = $3 and active)";

pub(crate) const HOLD: &str = "select pg_advisory_xact_lock_shared($1)";

pub(crate) const EXISTS: &str = "select exists (select from articles where bucket = $1 and id = $2)";

pub(crate) const CLOSE: &str = "select pg_advisory_xact_lock($1)";

/// A row that this statement made has no older version.
pub(crate) const ON: &str = "
    insert into favorites as f (bucket, article, user_id, active, version)
    values ($1, $2, $3, true, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    on conflict (bucket, article, user_id) do update set active = true, version = f.version + 1 where not f.active
    returning version, xmax = 0 as first";

pub(crate) const OFF: &str = "
    update favorites set active = false, version = version + 1
    where bucket = $1 and article = $2 and user_id = $3 and active returning version, false as first";

pub(crate) const ADD: &str = "
    insert into favorite_counts as c (bucket, article, slot, favorites) values ($1, $2, $3, $4)
    on conflict (bucket, article, slot) do update set favorites = c.favorites + $4";

pub(crate) const FIND: &str = "
    select active, version from favorites
    where (select sharding.owns($1, $2)) and bucket = $1 and article = $3 and user_id = $4";

pub(crate) const LOCK_FAVORITER: &str = "
    insert into favoriters as f (bucket, user_id, articles) values ($1, $2, 0)
    on conflict (bucket, user_id) do update set articles = f.articles";

pub(crate) const MIRROR: &str = "
    with old as (select active, version from favorites_by_user where bucket = $1 and user_id = $2 and article = $3),
    new as (
        insert into favorites_by_user as m (bucket, user_id, article, active, version) values ($1, $2, $3, $4, $5)
        on conflict (bucket, user_id, article) do update set active = $4, version = $5
            where m.version < $5 or (m.version = $5 and m.active <> $4)
        returning active)
    update favoriters set articles = articles + new.active::int - coalesce((select old.active::int from old), 0)
    from new where bucket = $1 and user_id = $2";
