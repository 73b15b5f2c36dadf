//! What tests of moves need: the commands, what they left, and a writer meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use magnitude_kit::Connected;
use magnitude_sharding::{
    Error,
    reshard::{Admin, Buckets, Move, Order, Reshard, Which, run},
};

use crate::bench::{Bench, add_note, bucket};

impl Bench {
    pub fn admin(&self) -> Admin {
        let (settings, _) = self.cluster.settings();
        Admin { user: settings.user, password: settings.password }
    }

    pub fn reshard(&self) -> Reshard {
        Reshard::new(self.shards().clone(), &self.cluster.settings().0, &self.admin())
    }

    /// The command line, refused or not.
    pub async fn order(&self, buckets: &[u16], to: &str) -> Result<(), String> {
        let (settings, shards) = self.cluster.settings();
        let buckets = buckets.iter().map(|number| bucket(*number)).collect();
        let which = Which { spread: false, buckets: Some(Buckets(buckets)), to: Some(to.to_owned()) };
        let order = Order::Move(Move { which, batch: 64, dry_run: false });
        run(&settings, &self.admin(), &shards, order, async |_| Ok(None)).await.map_err(|error| format!("{error:#}"))
    }

    /// Notes of bucket 7 that a shard holds, whoever owns them.
    pub async fn rows_on(&self, shard: usize) -> Vec<i64> {
        let ids = sqlx::query_scalar("select id from notes where bucket = 7 order by id");
        ids.fetch_all(&mut self.cluster.primary(shard).await).await.unwrap()
    }

    pub async fn abort(&self) {
        let (settings, shards) = self.cluster.settings();
        run(&settings, &self.admin(), &shards, Order::Abort, async |_| Ok(None)).await.unwrap();
    }

    /// What the two sides of the only move remember.
    pub async fn steps(&self) -> [String; 2] {
        let step = async |shard| {
            let steps = sqlx::query_scalar("select step from sharding.moves");
            steps.fetch_one(&mut self.cluster.primary(shard).await).await.unwrap()
        };
        [step(0).await, step(1).await]
    }

    /// Publications, subscriptions, slots, markers and fences of moves on any shard.
    pub async fn leftovers(&self) -> i64 {
        let sql = "select (select count(*) from pg_publication) + (select count(*) from pg_subscription where subdbid = d.oid)
                        + (select count(*) from pg_replication_slots where database = d.datname) + (select count(*) from sharding.markers)
                        + (select count(*) from sharding.buckets where state = 'fenced')
                   from pg_database d where datname = current_database()";
        let mut all = 0;
        for shard in 0..2 {
            all += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.cluster.primary(shard).await).await.unwrap();
        }
        all
    }
}

/// Writes to bucket 7 until it is stopped, and again what was refused; returns the ids that were acknowledged, and how many writes were
/// refused because no shard had the bucket for as long as a write waits.
pub struct Writer {
    stop: Arc<AtomicBool>,
    pub written: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<(Vec<i64>, usize)>,
}

impl Writer {
    pub fn start(connected: &Connected) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let (shards, stopped, count) = (connected.shards.clone(), stop.clone(), written.clone());
        let task = tokio::spawn(async move {
            let (mut acknowledged, mut refused, mut id) = (Vec::new(), 0, 1_000);
            while !stopped.load(Ordering::Relaxed) {
                match add_note(&shards, bucket(7), id).await {
                    // Before anything was written.
                    Err(Error::BucketUnavailable) => refused += 1,
                    done => {
                        done.expect("a write waits, but does not fail");
                        acknowledged.push(id);
                        count.fetch_add(1, Ordering::Relaxed);
                        id += 1;
                    }
                }
            }
            (acknowledged, refused)
        });
        Self { stop, written, task }
    }

    pub async fn end(self) -> (Vec<i64>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}
