//! What commands that were killed have left: shown, undone before the release, finished after it.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    command::Buckets,
    drop,
    engine::Reshard,
    flip,
    plan::in_words,
    record::{self, Record},
    side::Side,
};

/// A move that at least one of its sides does not know to have ended, as that side knows it.
pub(super) struct Unfinished {
    from: usize,
    to: usize,
    record: Record,
}

impl Reshard {
    /// Takes up what commands that were killed have left on these shards: undone before the release, finished after it.
    pub(super) async fn finish_unfinished(&self, of: &[usize]) -> anyhow::Result<usize> {
        let left = self.unfinished(of).await?;
        self.finish(&left).await?;
        Ok(left.len())
    }

    pub(super) async fn finish(&self, left: &[Unfinished]) -> anyhow::Result<()> {
        for Unfinished { from, to, record } in left {
            let (mut source, mut target) = self.sides(*from, *to).await?;
            // Its command may have been running and have ended it before it gave up the lock.
            if record::is_unfinished(&mut source.connection, record.id).await?
                || record::is_unfinished(&mut target.connection, record.id).await?
            {
                self.take_up(&mut source, &mut target, record).await.with_context(|| format!("the unfinished move {}", record.id))?;
            }
        }
        Ok(())
    }

    /// Unfinished moves of these buckets, wherever they are; of any without a list. They decide who owns what.
    pub(super) async fn unfinished_of(&self, buckets: Option<&Buckets>) -> anyhow::Result<Vec<Unfinished>> {
        let mut left = self.unfinished(&self.all()).await?;
        if let Some(Buckets(buckets)) = buckets {
            left.retain(|left| buckets.iter().any(|bucket| left.record.buckets.contains(&bucket.as_i16())));
        }
        Ok(left)
    }

    /// Each once, as its source knows it where both sides do.
    async fn unfinished(&self, of: &[usize]) -> anyhow::Result<Vec<Unfinished>> {
        let mut left: BTreeMap<Uuid, Unfinished> = BTreeMap::new();
        for shard in of {
            let mut side = Side::open(&self.shards, &self.settings, *shard).await?;
            for record in record::unfinished(&mut side.connection).await? {
                let peer = self.shards.index(&record.peer)?;
                if record.side == "source" {
                    left.insert(record.id, Unfinished { from: *shard, to: peer, record });
                } else {
                    left.entry(record.id).or_insert(Unfinished { from: peer, to: *shard, record });
                }
            }
        }
        Ok(left.into_values().collect())
    }

    fn all(&self) -> Vec<usize> {
        (0..self.shards.clusters().len()).collect()
    }

    async fn take_up(&self, source: &mut Side, target: &mut Side, record: &Record) -> anyhow::Result<()> {
        let (id, buckets) = (record.id, &record.buckets);
        ensure!(record.step != record::KEPT, "{}", kept(&source.name, id));
        flip::lower(&mut source.connection, buckets).await?;
        if was_released(&mut source.connection, id).await? {
            flip::claim(source, target, id, buckets).await?;
            drop::subscription(&mut target.connection, id).await?;
            drop::publication(&mut source.connection, id).await?;
            println!("A move of {} buckets from {} to {} was finished.", buckets.len(), source.name, target.name);
            return end(source, target, id, buckets).await;
        }
        drop::subscription(&mut target.connection, id).await?;
        drop::publication(&mut source.connection, id).await?;
        drop::rows(&mut target.connection, buckets).await?;
        for side in [source, target] {
            drop::markers(&mut side.connection, buckets).await?;
            record::step(&mut side.connection, id, "aborted").await?;
        }
        println!("A move of {} buckets that had not ended was undone.", buckets.len());
        Ok(())
    }

    pub(super) async fn abort(&self) -> anyhow::Result<()> {
        if self.finish_unfinished(&self.all()).await? == 0 {
            println!("No move is under way.");
        }
        Ok(())
    }

    /// A sentence for each move that one of its sides does not know to have ended. Fails when a shard has no primary that answers.
    pub async fn unfinished_in_words(&self) -> anyhow::Result<Vec<String>> {
        let name = |shard: usize| self.shards.cluster(shard).name();
        let sentence = |Unfinished { from, to, record: Record { buckets, side, step, .. } }: &Unfinished| {
            let says = name(if side == "source" { *from } else { *to });
            format!("{}: a move of {} buckets to {} is at `{step}`, as {says} knows it", name(*from), buckets.len(), name(*to))
        };
        Ok(self.unfinished(&self.all()).await?.iter().map(sentence).collect())
    }

    /// Fails when something needs attention.
    pub(super) async fn status(&self) -> anyhow::Result<()> {
        let map = self.shards.map();
        for (shard, cluster) in self.shards.clusters().iter().enumerate() {
            let owned = map.owned_by(shard);
            println!("{}: {} buckets ({})", cluster.name(), owned.len(), in_words(&owned));
        }
        for line in map.overlaps(|shard| self.shards.cluster(shard).name().to_string()) {
            println!("{line}");
        }
        let unfinished = self.unfinished_in_words().await?;
        for line in &unfinished {
            println!("{line}");
        }
        let nobodys = map.unowned();
        if !nobodys.is_empty() {
            bail!("buckets {} have no owner, or several: requests for them fail", in_words(&nobodys));
        }
        println!(
            "{}",
            if unfinished.is_empty() {
                "No move is under way."
            } else {
                "If no command is running: the same move again, or `reshard abort`."
            }
        );
        Ok(())
    }
}

fn kept(source: &str, id: Uuid) -> String {
    format!(
        "what {source} gave away differs from what arrived, and is kept: compare, repair, then on {source} \
         `update sharding.moves set step = 'released' where id = '{id}'`, and `reshard abort` deletes it"
    )
}

/// The source's rows go, and with them the move.
pub(super) async fn end(source: &mut Side, target: &mut Side, id: Uuid, buckets: &[i16]) -> anyhow::Result<()> {
    drop::rows(&mut source.connection, buckets).await?;
    for side in [source, target] {
        drop::markers(&mut side.connection, buckets).await?;
        record::step(&mut side.connection, id, "done").await?;
    }
    Ok(())
}

/// Whether the source let go in this move: its record says so in the transaction of the release. It ends before its target's.
async fn was_released(source: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from sharding.moves where id = $1 and step in ('released', 'done'))";
    sqlx::query_scalar(sql).bind(id).fetch_one(source).await
}
