//! The moment in which buckets change hands. States change only by compare-and-set.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, bail, ensure};
use sqlx::{Acquire, PgConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{record, side::Side};
use crate::error::code;

/// How long the fence may wait for writers that passed the guard: new writers wait behind it.
const FENCE_WAIT_MS: u32 = 200;
/// After this the fence counts as left behind, and anyone may take it away. A killed command must turn no writer away, who is held for
/// 2 s: with the wait for the fence before and the heal after it (0.2 s each) some is left for slow commits. A running one needs the drain
/// and two commits on two nodes, in all 0.4 s at most as a rule; one that needs more fences again.
const FENCE_LIFE: &str = "1200 milliseconds";
/// How long the target may take to show the marker before the writers are let in again.
const DRAIN: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(2);
const TRIES: usize = 20;

/// Makes sure that no more writes come and that the target has all of them. Tries again when writers or the stream are too slow, each
/// time with an id of its own: an older fence's marker may show long after it. Returns the one that held.
pub(crate) async fn fence(source: &mut Side, target: &mut Side, buckets: &[i16]) -> anyhow::Result<Uuid> {
    for _ in 0..TRIES {
        let fence = Uuid::new_v4();
        if raise(&mut source.connection, fence, buckets).await? {
            if drained(&mut target.connection, fence).await? {
                return Ok(fence);
            }
            lower(&mut source.connection, buckets).await?;
        }
        sleep(Duration::from_millis(rand::random_range(200..1_000))).await;
    }
    bail!("shard {} is too busy to let go of these buckets: try smaller batches, or later", source.name)
}

/// False when a writer was in the way for too long.
async fn raise(source: &mut PgConnection, fence: Uuid, buckets: &[i16]) -> anyhow::Result<bool> {
    let mut transaction = source.begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("set local statement_timeout = {FENCE_WAIT_MS}"))).execute(&mut *transaction).await?;
    // In one order, as everybody who takes several.
    let lock = "select pg_advisory_xact_lock(77301, b::int) from (select b from unnest($1::smallint[]) b order by b) sorted";
    if let Err(error) = sqlx::query(lock).bind(buckets).execute(&mut *transaction).await {
        return if code(&error).as_deref() == Some("57014") { Ok(false) } else { Err(error.into()) };
    }
    sqlx::query("set local statement_timeout = 0").execute(&mut *transaction).await?;
    let fenced = sqlx::query(sqlx::AssertSqlSafe(format!(
        "update sharding.buckets set state = 'fenced', move_id = $1, deadline = clock_timestamp() + interval '{FENCE_LIFE}'
         where bucket = any($2) and state = 'owned'"
    )));
    let fenced = fenced.bind(fence).bind(buckets).execute(&mut *transaction).await?.rows_affected();
    ensure!(fenced == buckets.len() as u64, "the source does not own all of these buckets any more");
    let marker = "insert into sharding.markers (bucket, move_id) values ($1, $2)";
    sqlx::query(marker).bind(buckets.first()).bind(fence).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Whether the marker shows at the target in time: the stream keeps the order of commits, so all before it shows as well.
async fn drained(target: &mut PgConnection, fence: Uuid) -> anyhow::Result<bool> {
    let sql = "select exists (select from sharding.markers where move_id = $1)";
    let end = Instant::now() + DRAIN;
    while Instant::now() < end {
        if sqlx::query_scalar(sql).bind(fence).fetch_one(&mut *target).await? {
            return Ok(true);
        }
        sleep(STEP).await;
    }
    Ok(false)
}

/// Lets the writers in again.
pub(crate) async fn lower(source: &mut PgConnection, buckets: &[i16]) -> Result<(), sqlx::Error> {
    sqlx::query("update sharding.buckets set state = 'owned', move_id = null, deadline = null where state = 'fenced' and bucket = any($1)")
        .bind(buckets)
        .execute(source)
        .await
        .map(drop)
}

/// Gives the buckets up at the source. From here on there is no way back but a move back. False, and nothing changed, when the fence
/// expired before: writers may have been let in behind it.
pub(crate) async fn release(source: &mut Side, target: &mut Side, (id, fence): (Uuid, Uuid), buckets: &[i16]) -> anyhow::Result<bool> {
    // The marker and all before it are on a second node before the source lets go.
    record::step(&mut target.connection, id, "drained").await?;
    let mut transaction = source.connection.begin().await?;
    let sql = "update sharding.buckets set state = 'released', released_to = $3, epoch = epoch + 1, deadline = null
               where bucket = any($2) and state = 'fenced' and move_id = $1 and deadline > clock_timestamp()";
    let released = sqlx::query(sql).bind(fence).bind(buckets).bind(&target.name).execute(&mut *transaction).await?.rows_affected();
    if released != buckets.len() as u64 {
        transaction.rollback().await?;
        return Ok(false);
    }
    record::step(&mut transaction, id, "released").await?;
    transaction.commit().await.context("the release")?;
    Ok(true)
}

/// What a source has released to a target.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Released {
    pub bucket: i16,
    pub epoch: i64,
    #[sqlx(rename = "released_to")]
    pub target: String,
    /// The fence under which it was released.
    pub move_id: Uuid,
}

pub(crate) const RELEASED: &str = "
    select bucket, epoch, released_to, move_id from sharding.buckets
    where state = 'released' and move_id is not null and bucket = any($1)";

/// Takes what was released, if the marker shows that all rows are here. Anyone may run it, any number of times.
pub(crate) const CLAIM: &str = "
    insert into sharding.buckets as b (bucket, state, epoch)
    select w.bucket, 'owned', w.epoch from unnest($1::smallint[], $2::bigint[]) w (bucket, epoch)
    where exists (select from sharding.markers where move_id = $3)
    on conflict (bucket) do update
        set state = 'owned', epoch = excluded.epoch, move_id = null, deadline = null, released_to = null
        where b.epoch < excluded.epoch
    returning bucket";

/// Reads the release back, then claims. Somebody else may have done so already.
pub(crate) async fn claim(source: &mut Side, target: &mut Side, id: Uuid, buckets: &[i16]) -> anyhow::Result<()> {
    let released: Vec<Released> = sqlx::query_as(RELEASED).bind(buckets).fetch_all(&mut source.connection).await?;
    let released: Vec<_> = released.into_iter().filter(|released| released.target == target.name).collect();
    ensure!(released.len() == buckets.len(), "the release of {} buckets cannot be read back", buckets.len() - released.len());
    for fence in released.iter().map(|released| released.move_id).collect::<BTreeSet<_>>() {
        let ours = released.iter().filter(|released| released.move_id == fence);
        let (numbers, epochs): (Vec<i16>, Vec<i64>) = ours.map(|released| (released.bucket, released.epoch)).unzip();
        sqlx::query(CLAIM).bind(numbers).bind(epochs).bind(fence).execute(&mut target.connection).await?;
    }
    let held = "select count(*) from sharding.held where bucket = any($1)";
    let held: i64 = sqlx::query_scalar(held).bind(buckets).fetch_one(&mut target.connection).await?;
    ensure!(held == i64::try_from(buckets.len())?, "shard {} cannot claim the buckets: it does not show the marker", target.name);
    record::step(&mut target.connection, id, "claimed").await?;
    Ok(())
}
