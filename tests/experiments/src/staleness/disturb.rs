use std::time::Duration;

use anyhow::Context;
use magnitude_redis::Redis;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::board::Board;
use crate::{fault, run::Run, wait};

/// Writes that are answered between two disturbances.
const CALM: u64 = 50;
/// Writes that are answered while one lasts that lasts.
const LASTS: u64 = 100;
/// Without so many in this time, something else is wrong.
const PATIENCE: Duration = Duration::from_mins(2);

/// What happens to the cache and the replicas meanwhile.
#[derive(Clone, Copy, Debug)]
enum Disturbance {
    /// Everything in the cache is gone.
    Flush,
    /// Half of all entries and stamps are gone.
    Loss,
    /// There is room for next to nothing.
    Evictions,
    /// A replica receives and does not apply.
    Lag,
}

/// Disturbs until so many writes were answered.
pub async fn until(run: &Run, board: &Board, writes: u64, random: &mut StdRng) -> anyhow::Result<()> {
    let redis = redis(run)?;
    while board.writes() < writes {
        more(board, CALM).await?;
        let all = [Disturbance::Flush, Disturbance::Loss, Disturbance::Evictions, Disturbance::Lag];
        let disturbance = *all.choose(random).context("there are some")?;
        run.fault(&format!("{} writes; {disturbance:?}", board.writes()));
        match disturbance {
            Disturbance::Flush => command(&redis, &["FLUSHALL"]).await?,
            Disturbance::Loss => lose_half(&redis).await?,
            Disturbance::Evictions => evict(&redis, board).await?,
            Disturbance::Lag => lag(run, board, random).await?,
        }
    }
    Ok(())
}

/// Waits for so many more writes.
async fn more(board: &Board, writes: u64) -> anyhow::Result<()> {
    let goal = board.writes() + writes;
    wait::until("the next writes are answered", PATIENCE, wait::STEP, async || Ok((board.writes() >= goal).then_some(()))).await
}

fn redis(run: &Run) -> anyhow::Result<Redis> {
    let stack = run.stack()?;
    Redis::new(&magnitude_redis::Settings { nodes: stack.caches, password: stack.redis_password, timeout_ms: 5_000, prefix: String::new() })
}

async fn command(redis: &Redis, words: &[&str]) -> anyhow::Result<()> {
    for node in redis.nodes() {
        let mut pipeline = redis::pipe();
        let command = pipeline.cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.ignore();
        node.run::<()>(&pipeline).await?;
    }
    Ok(())
}

/// Stamps and entries alike: what is absent proves nothing.
async fn lose_half(redis: &Redis) -> anyhow::Result<()> {
    let script = "for i, key in ipairs(redis.call('KEYS', '*')) do if i % 2 == 0 then redis.call('DEL', key) end end return 1";
    command(redis, &["EVAL", script, "0"]).await
}

async fn evict(redis: &Redis, board: &Board) -> anyhow::Result<()> {
    command(redis, &["CONFIG", "SET", "maxmemory", "2mb"]).await?;
    more(board, LASTS).await?;
    command(redis, &["CONFIG", "SET", "maxmemory", "256mb"]).await
}

async fn lag(run: &Run, board: &Board, random: &mut StdRng) -> anyhow::Result<()> {
    let shard = run.databases()?.shards().choose(random).context("there are shards")?.clone();
    let leader = fault::leader(run, &shard).await?;
    let node = fault::standby(run, &shard, &leader, random.random_range(0..100)).await?;
    fault::replay(run, &node, "pg_wal_replay_pause()").await?;
    more(board, LASTS).await?;
    fault::replay(run, &node, "pg_wal_replay_resume()").await
}
