use magnitude_ids::Id;
use magnitude_sharding::{Error, Shards};

/// Brings the followee's side to this version, unless it is there or further. One of the same version is the same change, so it is applied
/// where the mirror says otherwise. No request reads the mirror from a replica, so the
/// bucket's stamp is not raised.
pub async fn apply(shards: &Shards, follower: Id, followee: Id, active: bool, version: i64) -> Result<(), Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(followee.as_i64()).bind(follower.as_i64()).bind(active).bind(version);
    shards.execute(followee.bucket(), APPLY, bind).await.map(drop)
}

pub(crate) const APPLY: &str = "
    insert into followers as f (bucket, followee, follower, active, version)
    select $1, $2, $3, $4, $5 from (select sharding.guard($1) as passed) g where g.passed
    on conflict (bucket, followee, follower) do update
        set active = excluded.active, version = excluded.version
        where f.version < excluded.version or (f.version = excluded.version and f.active <> excluded.active)";
