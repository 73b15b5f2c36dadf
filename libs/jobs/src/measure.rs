//! What workers tell of the lanes, and what they clear away.

use std::{sync::Arc, time::Duration};

use sqlx::FromRow;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Lane, worker::Worker};

/// How soon a burst shows, to those who scale by it too.
const EVERY: Duration = Duration::from_secs(2);
/// Rows of a lane that are counted on a shard: beyond, it only matters that they are many.
const COUNTED: i64 = 100_000;

/// Longer than any job waits for its tries, and what a dead one may be replayed within.
const FORGET: &str = "
    delete from jobs.processed p using (
        select p.bucket, p.id from jobs.processed p join sharding.buckets b using (bucket)
        where b.state = 'owned' and p.at < now() - interval '8 days' order by p.at limit 5000 for update of p skip locked) old
    where p.bucket = old.bucket and p.id = old.id and sharding.guard(old.bucket)
    returning true";

const DEPTHS: &str = "
    select l.lane, due.rows, due.oldest, exists (select from jobs.paused p where p.lane = l.lane) as rests
    from unnest($1::text[]) l (lane) cross join lateral (
        select count(*) as rows, coalesce(extract(epoch from max(now() - due_at)), 0)::float8 as oldest from (
            select due_at from jobs.jobs
            where lane = l.lane and due_at <= now() and bucket in (select bucket from sharding.held)
            order by greatest(due_at, published_until) limit $2) counted) due";

const DEAD: &str = "select count(*) from jobs.dead where bucket in (select bucket from sharding.held)";

#[derive(FromRow)]
struct Depth {
    lane: String,
    rows: i64,
    oldest: f64,
    rests: bool,
}

/// Tells, for all shards together, until `stop`.
pub(crate) async fn measure<S: Clone + Send + Sync + 'static>(worker: Arc<Worker<S>>, stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
        let shards = &worker.shards;
        let depths: Vec<Depth> = shards.execute_on_all(DEPTHS, |q| q.bind(&Lane::ALL.map(Lane::name)[..]).bind(COUNTED)).await;
        for lane in Lane::ALL {
            tell(lane, &depths, worker.gate(lane).room());
        }
        let dead: i64 = shards.execute_on_all::<(i64,)>(DEAD, |q| q).await.into_iter().map(|(count,)| count).sum();
        metrics::gauge!("jobs_dead").set(number(dead));
        shards.execute_on_all::<(bool,)>(FORGET, |q| q).await;
    }
}

fn tell(lane: Lane, depths: &[Depth], (allowed, free): (usize, usize)) {
    let of_lane = || depths.iter().filter(|depth| depth.lane == lane.name());
    metrics::gauge!("jobs_depth", "lane" => lane.name()).set(number(of_lane().map(|depth| depth.rows).sum()));
    let oldest = of_lane().map(|depth| depth.oldest).fold(0.0, f64::max);
    let rests = of_lane().any(|depth| depth.rests);
    metrics::gauge!("jobs_paused", "lane" => lane.name()).set(f64::from(u8::from(rests)));
    metrics::gauge!("jobs_oldest_due_seconds", "lane" => lane.name()).set(oldest);
    metrics::gauge!("jobs_places", "lane" => lane.name()).set(u32::try_from(allowed).unwrap_or(u32::MAX));
    metrics::gauge!("jobs_running", "lane" => lane.name()).set(u32::try_from(allowed.saturating_sub(free)).unwrap_or(u32::MAX));
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 jobs")]
fn number(count: i64) -> f64 {
    count as f64
}
