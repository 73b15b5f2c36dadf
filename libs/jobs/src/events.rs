use magnitude_sharding::{Error, Write};
use serde::Serialize;
use uuid::Uuid;

/// Appends to the event log, in the transaction of what it tells.
pub async fn record<E: Serialize + Sync>(write: &mut Write, kind: &'static str, event: &E) -> Result<(), Error> {
    let bucket = write.bucket().as_i16();
    sqlx::query("insert into jobs.events (bucket, id, kind, payload) values ($1, $2, $3, $4)")
        .bind(bucket)
        .bind(Uuid::new_v4())
        .bind(kind)
        .bind(sqlx::types::Json(event))
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// What events about voids are called.
pub const VOID: &str = "void";

/// Writes down what a write makes old in the caches, for those who void it should its own process not come to it.
pub async fn record_voids<V: Serialize + Sync>(write: &mut Write, voids: &[V]) -> Result<(), Error> {
    if voids.is_empty() { Ok(()) } else { record(write, VOID, &voids).await }
}
