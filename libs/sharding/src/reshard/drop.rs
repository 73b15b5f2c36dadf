//! Taking away what a move leaves behind.

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::copy::{name, tables};

/// Rows deleted at once: short transactions, so that replicas keep up.
const CHUNK: i64 = 5_000;

/// The subscription without asking the source, which may have failed over and lost the slot.
pub(crate) async fn subscription(target: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    let name = name(id);
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_subscription where subname = $1)").bind(&name).fetch_one(&mut *target).await?;
    if exists {
        for change in ["disable", "set (slot_name = none)"] {
            sqlx::raw_sql(AssertSqlSafe(format!("alter subscription {name} {change}"))).execute(&mut *target).await?;
        }
        sqlx::raw_sql(AssertSqlSafe(format!("drop subscription {name}"))).execute(&mut *target).await?;
    }
    Ok(())
}

/// The publication and the slots of its subscription.
pub(crate) async fn publication(source: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    let name = name(id);
    sqlx::raw_sql(AssertSqlSafe(format!("drop publication if exists {name}"))).execute(&mut *source).await?;
    let end = "select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active_pid is not null";
    sqlx::query(end).bind(&name).execute(&mut *source).await?;
    let drop = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active";
    sqlx::query(drop).bind(&name).execute(&mut *source).await.map(|_| ())
}

/// The rows of buckets that this shard does not hold. As an administrator: the guard has nothing to say
/// about what nobody owns here.
pub(crate) async fn rows(connection: &mut PgConnection, buckets: &[i16]) -> Result<(), sqlx::Error> {
    for table in tables(connection).await? {
        let sql = format!(
            "delete from {table} where ctid = any(array(
                 select ctid from {table} t where bucket = any($1) and bucket not in (select bucket from sharding.held) limit $2))"
        );
        loop {
            let mut transaction = sqlx::Acquire::begin(&mut *connection).await?;
            sqlx::query("set local session_replication_role = replica").execute(&mut *transaction).await?;
            let deleted =
                sqlx::query(AssertSqlSafe(sql.clone())).bind(buckets).bind(CHUNK).execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            if deleted < CHUNK.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

/// The markers of fences that are over.
pub(crate) async fn markers(connection: &mut PgConnection, buckets: &[i16]) -> Result<(), sqlx::Error> {
    sqlx::query("delete from sharding.markers where bucket = any($1)").bind(buckets).execute(connection).await.map(|_| ())
}
