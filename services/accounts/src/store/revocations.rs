use std::time::Duration;

use magnitude_session::TokenHash;
use magnitude_sharding::{Error, Shards};

/// What a shard's log holds of the last `within`, and of all transactions from `from` on; and from where to go on next time.
pub async fn since(shards: &Shards, shard: &str, from: Option<&str>, within: Duration) -> Result<(String, Vec<TokenHash>), Error> {
    let (next, rows): (String, Vec<Vec<u8>>) =
        shards.fetch_from_shard(shard, SINCE, |q| q.bind(from.map(str::to_owned)).bind(within.as_secs_f64())).await?;
    Ok((next, super::sessions::hashes(rows)?))
}

/// The time as well as the number: after a failover numbers may be given once more. More rows than anybody can remember are not read.
pub(crate) const SINCE: &str = "
    select pg_snapshot_xmin(pg_current_snapshot())::text, array(
        select token_hash from revocations
        where xid >= $1::text::xid8 or revoked_at > clock_timestamp() - $2::float8 * interval '1 second' limit 300000)";

/// Much later than anybody asks for.
pub(crate) const FORGET: &str = "
    delete from revocations where revoked_at < clock_timestamp() - interval '1 hour' returning 0::smallint";
