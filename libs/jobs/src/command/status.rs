use magnitude_sharding::{ShardFreshness, Shards};
use sqlx::FromRow;

use crate::Lane;

const LANES: &str = "
    select lane, count(*) filter (where due_at <= now()) as due, count(*) filter (where due_at > now()) as later,
           count(*) filter (where published_until > now()) as handed_over,
           coalesce(extract(epoch from max(now() - due_at) filter (where due_at <= now())), 0)::float8 as oldest
    from jobs.jobs where bucket in (select bucket from sharding.held) and (select sharding.covers($1)) group by lane";

const DEAD: &str = "select count(*) from jobs.dead where bucket in (select bucket from sharding.held) and (select sharding.covers($1))";

/// Of shards that hold buckets.
const PAUSED: &str = "select lane from jobs.paused where exists (select from sharding.held) and (select sharding.covers($1))";

#[derive(FromRow)]
struct Waiting {
    lane: String,
    due: i64,
    later: i64,
    handed_over: i64,
    oldest: f64,
}

pub(super) async fn print(shards: &Shards) -> anyhow::Result<()> {
    let primary = ShardFreshness::default();
    let waiting: Vec<Waiting> = shards.fetch_from_all(&primary, LANES, |q| q).await?;
    let dead: Vec<(i64,)> = shards.fetch_from_all(&primary, DEAD, |q| q).await?;
    let paused: Vec<(String,)> = shards.fetch_from_all(&primary, PAUSED, |q| q).await?;
    println!("{:<9} {:>9} {:>9} {:>12} {:>11}", "LANE", "DUE", "LATER", "HANDED OVER", "OLDEST (s)");
    for lane in Lane::ALL.map(Lane::name) {
        let of_lane = || waiting.iter().filter(|waiting| waiting.lane == lane);
        let sum = |count: fn(&Waiting) -> i64| of_lane().map(count).sum::<i64>();
        let oldest = of_lane().map(|waiting| waiting.oldest).fold(0.0, f64::max);
        let rests = if paused.iter().any(|(paused,)| paused == lane) { "  paused" } else { "" };
        let (due, later, handed_over) = (sum(|w| w.due), sum(|w| w.later), sum(|w| w.handed_over));
        println!("{lane:<9} {due:>9} {later:>9} {handed_over:>12} {oldest:>11.1}{rests}");
    }
    println!("\nDead: {}", dead.iter().map(|(count,)| count).sum::<i64>());
    Ok(())
}
