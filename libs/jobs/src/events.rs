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
