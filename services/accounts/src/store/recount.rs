//! Users and the look-ups of their names, compared a page at a time.

use magnitude_ids::{Bucket, Id};
use magnitude_jobs::Job;
use magnitude_sharding::{Binds, Error, Freshness, ShardFreshness, Shards};
use sqlx::FromRow;

use super::users::User;
use crate::{
    jobs::SettleNames,
    names::{Kind, Name},
};

/// Before every id.
pub const FIRST: i64 = -1;
/// Users or look-ups in a page.
const PAGE: i64 = 500;

/// A look-up of a name.
#[derive(Clone, Debug, FromRow)]
pub struct LookUp {
    kind: String,
    name: String,
    pub user_id: i64,
    pub version: i64,
}

impl LookUp {
    pub fn name(&self) -> Name {
        Name { kind: if self.kind == "email" { Kind::Email } else { Kind::Username }, text: self.name.clone() }
    }
}

/// A bearer of names as a recount sees it.
#[derive(Clone, Debug, Default, FromRow)]
pub struct Bearer {
    username: Option<String>,
    email: Option<String>,
    /// Nothing if there is no such user.
    pub version: Option<i64>,
}

impl Bearer {
    pub fn bears(&self, name: &Name) -> bool {
        let names = [self.username.as_deref().map(Name::username), self.email.as_deref().map(Name::email)];
        names.iter().flatten().any(|own| own == name)
    }
}

/// Those of a range of buckets that hold anything.
pub async fn filled(shards: &Shards, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
    let bind = |q: Binds| q.bind(first.as_i16()).bind(last.as_i16());
    let rows: Vec<(i16,)> = shards.fetch_from_all(&ShardFreshness::new(), FILLED, bind).await?;
    Ok(rows.into_iter().filter_map(|(bucket,)| Bucket::try_from(bucket).ok()).collect())
}

/// A page of a bucket's users, and the id after which the next one begins.
pub async fn users(shards: &Shards, bucket: Bucket, after: i64) -> Result<(Vec<User>, Option<i64>), Error> {
    let page: Vec<User> = shards.fetch_all(bucket, Freshness::Primary, USERS, |q| q.bind(after).bind(PAGE)).await?;
    let next = page.last().filter(|_| is_full(&page)).map(|last| last.id.as_i64());
    Ok((page, next))
}

/// A page of a bucket's confirmed look-ups, and the kind and name after which the next one begins.
pub async fn look_ups(shards: &Shards, bucket: Bucket, after: &(String, String)) -> Result<(Vec<LookUp>, Option<(String, String)>), Error> {
    let bind = |q: Binds| q.bind(&after.0).bind(&after.1).bind(PAGE);
    let page: Vec<LookUp> = shards.fetch_all(bucket, Freshness::Primary, LOOK_UPS, bind).await?;
    let next = page.last().filter(|_| is_full(&page)).map(|last| (last.kind.clone(), last.name.clone()));
    Ok((page, next))
}

fn is_full<T>(page: &[T]) -> bool {
    i64::try_from(page.len()) == Ok(PAGE)
}

/// The look-ups of these names, reservations included.
pub async fn holders(shards: &Shards, names: &[Name]) -> Result<Vec<LookUp>, Error> {
    let bind = |q: Binds, some: &[&Name]| {
        q.bind(some.iter().map(|name| name.bucket().as_i16()).collect::<Vec<_>>())
            .bind(some.iter().map(|name| name.kind()).collect::<Vec<_>>())
            .bind(some.iter().map(|name| name.text.as_str()).collect::<Vec<_>>())
    };
    shards.fetch_grouped(names, Name::bucket, &ShardFreshness::new(), HOLDERS, bind).await
}

/// What names a user bears, unless a job is about to settle them: that one's row goes when the look-ups are as the user is.
pub async fn settled(shards: &Shards, user: Id) -> Result<Option<Bearer>, Error> {
    let bind = |q: Binds| q.bind(user.as_i64()).bind(user.to_string()).bind(SettleNames::KIND);
    shards.fetch_optional(user.bucket(), Freshness::Primary, SETTLED, bind).await
}

/// Every statement, for the tests that prepare them and look at their plans.
pub const STATEMENTS: [&str; 5] = [FILLED, USERS, LOOK_UPS, HOLDERS, SETTLED];

pub(crate) const FILLED: &str = "
    select b.bucket from sharding.held b where b.bucket between $2 and $3 and (select sharding.covers($1))
      and (exists (select from users t where t.bucket = b.bucket) or exists (select from names t where t.bucket = b.bucket))";

pub(crate) const USERS: &str = "
    select id, username, email, password_hash, bio, image, version, write_id from users
    where (select sharding.owns($1, $2)) and bucket = $1 and id > $3 order by id limit $4";

/// Those of registrations end by themselves.
pub(crate) const LOOK_UPS: &str = "
    select kind, name, user_id, version from names
    where (select sharding.owns($1, $2)) and bucket = $1 and (kind, name) > ($3, $4) and confirmed and kind <> 'registration'
    order by kind, name limit $5";

pub(crate) const HOLDERS: &str = "
    select kind, name, user_id, version from unnest($2::smallint[], $3::text[], $4::text[]) w (bucket, kind, name)
    join names using (bucket, kind, name) where (select sharding.covers($1))";

pub(crate) const SETTLED: &str = "
    select username, email, version from (select) one left join users on bucket = $1 and id = $3
    where (select sharding.owns($1, $2))
      and not exists (select from jobs.jobs j where j.bucket = $1 and j.kind = $5 and j.payload ->> 'user' = $4)";
