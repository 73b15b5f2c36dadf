//! What each side remembers of a move.

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::side::Side;

/// The step of a source whose copies differ from it: nobody may delete its rows before somebody has looked.
pub(crate) const KEPT: &str = "kept";

#[derive(Clone, Debug, FromRow)]
pub(crate) struct Record {
    pub id: Uuid,
    pub side: String,
    pub peer: String,
    pub buckets: Vec<i16>,
    pub step: String,
}

/// Both sides begin with the same row, the source first: what it does not know was never begun.
pub(crate) async fn begin(source: &mut Side, target: &mut Side, id: Uuid, buckets: &[i16]) -> Result<(), sqlx::Error> {
    let peer = target.name.clone();
    insert(source, "source", &peer, id, buckets).await?;
    let peer = source.name.clone();
    insert(target, "target", &peer, id, buckets).await
}

async fn insert(side: &mut Side, role: &str, peer: &str, id: Uuid, buckets: &[i16]) -> Result<(), sqlx::Error> {
    sqlx::query("insert into sharding.moves (id, side, peer, buckets, system, timeline, step) values ($1, $2, $3, $4, $5, $6, 'copying')")
        .bind(id)
        .bind(role)
        .bind(peer)
        .bind(buckets)
        .bind(side.system)
        .bind(side.timeline)
        .execute(&mut side.connection)
        .await
        .map(drop)
}

/// Its commit waits for a second copy, and so for everything before it.
pub(crate) async fn step(connection: &mut PgConnection, id: Uuid, step: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update sharding.moves set step = $2, changed_at = clock_timestamp() where id = $1")
        .bind(id)
        .bind(step)
        .execute(connection)
        .await
        .map(drop)
}

/// The moves that this shard does not know to have ended.
pub(crate) async fn unfinished(connection: &mut PgConnection) -> Result<Vec<Record>, sqlx::Error> {
    let sql = "select id, side, peer, buckets, step from sharding.moves where step not in ('done', 'aborted') order by started_at";
    sqlx::query_as(sql).fetch_all(connection).await
}

pub(crate) async fn is_unfinished(connection: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from sharding.moves where id = $1 and step not in ('done', 'aborted'))";
    sqlx::query_scalar(sql).bind(id).fetch_one(connection).await
}
