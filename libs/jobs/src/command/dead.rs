use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use magnitude_ids::Bucket;
use magnitude_sharding::{ShardFreshness, Shards};
use sqlx::FromRow;
use uuid::Uuid;

#[derive(Clone, Debug, Subcommand)]
pub enum Dead {
    /// Lists the latest
    List {
        #[command(flatten)]
        of: OfKind,
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Shows one with its payload
    Show { id: Uuid },
    /// Makes them due again, with all their tries
    Replay(Chosen),
    /// Deletes them
    Drop(Chosen),
}

#[derive(Clone, Debug, Args)]
pub struct OfKind {
    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct Chosen {
    #[arg(required_unless_present = "all")]
    ids: Vec<Uuid>,
    /// All, or all of a kind
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    of: OfKind,
}

#[derive(FromRow)]
struct Parked {
    #[sqlx(try_from = "i16")]
    bucket: Bucket,
    id: Uuid,
    kind: String,
    lane: String,
    attempt: i32,
    reason: String,
    died_at: String,
    payload: String,
}

/// `$2` ids (all if none), `$3` a kind, `$4` how many of each shard.
const FIND: &str = "
    select bucket, id, kind, lane, attempt, reason, died_at::text as died_at, payload::text as payload from jobs.dead
    where bucket in (select bucket from sharding.held) and (select sharding.covers($1))
      and (cardinality($2::uuid[]) = 0 or id = any($2)) and ($3::text is null or kind = $3)
    order by died_at desc limit $4";

/// Fails on a unique key that is taken: then the job stays where it is.
const REPLAY: &str = "
    with gone as (delete from jobs.dead where bucket = $1 and id = $2 and kind <> 'unreadable' and (select sharding.guard($1)) returning *)
    insert into jobs.jobs (bucket, id, kind, version, payload, lane, max_tries, due_at, created_at, unique_key, parent, traceparent)
    select bucket, id, kind, version, payload, lane, max_tries, clock_timestamp(), created_at, unique_key, parent, traceparent from gone";

const DROP: &str = "delete from jobs.dead where bucket = $1 and id = $2 and (select sharding.guard($1))";

pub(super) async fn run(shards: &Shards, order: Dead) -> anyhow::Result<()> {
    match order {
        Dead::List { of, limit } => {
            for parked in find(shards, &[], of.kind, limit).await? {
                println!(
                    "{}  {}  {} ({}, {} tries before): {}",
                    parked.died_at, parked.id, parked.kind, parked.lane, parked.attempt, parked.reason
                );
            }
            Ok(())
        }
        Dead::Show { id } => {
            let parked = find(shards, &[id], None, 1).await?.pop().context("there is no such dead job")?;
            println!("{} ({}), died at {}\n{}\n{}", parked.kind, parked.lane, parked.died_at, parked.reason, parked.payload);
            Ok(())
        }
        Dead::Replay(chosen) => println_count("due again", change(shards, chosen, REPLAY).await?),
        Dead::Drop(chosen) => println_count("dropped", change(shards, chosen, DROP).await?),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends the arms of a match")]
fn println_count(what: &str, count: u64) -> anyhow::Result<()> {
    println!("{count} {what}.");
    Ok(())
}

async fn find(shards: &Shards, ids: &[Uuid], kind: Option<String>, limit: i64) -> anyhow::Result<Vec<Parked>> {
    Ok(shards.fetch_from_all(&ShardFreshness::default(), FIND, |q| q.bind(ids).bind(&kind).bind(limit)).await?)
}

/// In rounds, so that however many there are little is held in memory.
async fn change(shards: &Shards, chosen: Chosen, sql: &'static str) -> anyhow::Result<u64> {
    const ROUND: i64 = 500;
    let mut changed = 0;
    loop {
        let found = find(shards, &chosen.ids, chosen.of.kind.clone(), ROUND).await?;
        ensure!(!found.is_empty() || changed > 0 || chosen.all, "there is no such dead job");
        let mut round = 0;
        for parked in found {
            round += shards.execute(parked.bucket, sql, |q| q.bind(parked.id)).await.with_context(|| format!("dead job {}", parked.id))?;
        }
        changed += round;
        // What is left cannot be changed: a message that nobody could read has nothing to replay.
        if round == 0 {
            return Ok(changed);
        }
    }
}
