use magnitude_ids::Bucket;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::types::Json;
use uuid::Uuid;

/// Appends to the event log, in the transaction of what it tells.
pub async fn record<E: Serialize + Sync>(write: &mut Write, kind: &'static str, event: &E) -> Result<(), Error> {
    append(write, Uuid::new_v4(), kind, event).await
}

async fn append<E: Serialize + Sync>(write: &mut Write, id: Uuid, kind: &'static str, event: &E) -> Result<(), Error> {
    let bucket = write.bucket().as_i16();
    sqlx::query("insert into jobs.events (bucket, id, kind, payload) values ($1, $2, $3, $4)")
        .bind(bucket)
        .bind(id)
        .bind(kind)
        .bind(Json(event))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// What events about voids are called.
pub const VOID: &str = "void";

/// Writes down what a write makes old in the caches, for those who void it should its own process not come to it; once a write.
pub async fn record_voids<V: Serialize + Sync>(write: &mut Write, voids: &[V]) -> Result<(), Error> {
    if voids.is_empty() { Ok(()) } else { append(write, write.attempt(), VOID, &voids).await }
}

const RECORDED: &str = "
    select e.payload from sharding.writes w join jobs.events e on e.bucket = w.bucket and e.id = w.attempt
    where w.bucket = $1 and w.write_id = $3 and e.kind = 'void' and (select sharding.owns($1, $2))";

/// What a committed write made old, for a request that finds it done: who did it may have died before it told the caches. Nothing if they were
/// told since.
pub async fn recorded_voids<V: DeserializeOwned + Send + Unpin + 'static>(
    shards: &Shards,
    bucket: Bucket,
    write_id: Uuid,
) -> Result<Vec<V>, Error> {
    let recorded: Option<(Json<Vec<V>>,)> = shards.fetch_optional(bucket, Freshness::Primary, RECORDED, |q| q.bind(write_id)).await?;
    Ok(recorded.map_or_else(Vec::new, |(Json(voids),)| voids))
}
