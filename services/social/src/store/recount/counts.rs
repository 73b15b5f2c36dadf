//! Counts of rows in the same bucket. Each statement takes what is missing of a count from one snapshot and adds that to the count as it is
//! now. A write changes a count by as much as it changes the rows, so what is missing is the same after it, and none that comes in between
//! is lost; nobody waits but for the row of a count that was wrong. Only two of these at once would add the same twice: they run in
//! transactions that are alone in the bucket.
//!
//! A count that has no row is there again after this; what is taken off in just that moment finds no row yet, and is missing until the
//! next recount.

use magnitude_sharding::{Error, Write};
use uuid::Uuid;

/// Readers in a page.
const READERS: i64 = 200;
/// Notifications in a page.
const NOTIFICATIONS: i64 = 1_000;

/// What readers have not read, after a reader: where the next page begins, if one follows, and how many were wrong.
pub async fn unread(write: &mut Write, after: i64) -> Result<(Option<i64>, i64), Error> {
    let query = sqlx::query_as(UNREAD).bind(write.bucket().as_i16()).bind(after).bind(READERS);
    Ok(query.fetch_one(&mut **write).await?)
}

/// The same for whom bundles count beside the one they name, after a notification.
pub async fn others(write: &mut Write, after: Uuid) -> Result<(Option<Uuid>, i64), Error> {
    let query = sqlx::query_as(OTHERS).bind(write.bucket().as_i16()).bind(after).bind(NOTIFICATIONS);
    Ok(query.fetch_one(&mut **write).await?)
}

/// The second way to the keys steps from one reader to the next, however many rows each has.
pub(crate) const UNREAD: &str = "
    with recursive told (reader) as (
        (select reader from notifications where bucket = $1 and reader > $2 order by reader limit 1)
        union all
        select (select n.reader from notifications n where n.bucket = $1 and n.reader > t.reader order by n.reader limit 1)
        from told t where t.reader is not null),
    page as (
        (select reader from unread where bucket = $1 and reader > $2 order by reader limit $3)
        union (select reader from told where reader is not null limit $3)
        order by 1 limit $3),
    wrong as (
        select page.reader, found.count - coalesce(kept.count, 0) as missing
        from page left join unread kept on kept.bucket = $1 and kept.reader = page.reader
        cross join lateral (
            select count(*) as count from notifications n where n.bucket = $1 and n.reader = page.reader and not n.read) found
        where found.count <> coalesce(kept.count, 0)),
    mended as (
        insert into unread as k (bucket, reader, count) select $1, reader, missing from wrong order by reader
        on conflict (bucket, reader) do update set count = k.count + excluded.count
        returning 1)
    select (select max(reader) from page having count(*) = $3), (select count(*) from mended)";

/// Those that a write holds just now are left for another night: a reader who marks all as read takes them in an order of its own.
pub(crate) const OTHERS: &str = "
    with page as (select id, kind, others from notifications where bucket = $1 and id > $2 order by id limit $3),
    wrong as (
        select page.id, found.others - page.others as missing
        from page cross join lateral (
            select greatest(count(*) - 1, 0)::int as others from notification_actors a
            where a.bucket = $1 and a.notification = page.id) found
        where page.kind <> 'published' and found.others <> page.others),
    free as (
        select n.id, wrong.missing from wrong join notifications n on n.bucket = $1 and n.id = wrong.id for no key update of n skip locked),
    mended as (
        update notifications n set others = n.others + free.missing from free where n.bucket = $1 and n.id = free.id returning 1)
    select (select id from page where (select count(*) from page) = $3 order by id desc limit 1), (select count(*) from mended)";
