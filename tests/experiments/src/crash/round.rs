use std::time::Duration;

use magnitude_ids::Bucket;
use tokio::time::Instant;

use super::{Kill, Outcomes, Sides};
use crate::{
    check,
    fault::{self, Fault},
    reshard,
    run::Run,
    wait,
};

/// A fence lives 1.2 s, and the services look every 2 s; how long it took is a figure.
const HEALED: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

/// One kill.
pub(crate) struct Crash<'a> {
    pub service: &'static str,
    pub buckets: &'a [Bucket],
    pub from: usize,
    pub to: usize,
    pub kill: Kill,
    pub way: Way,
}

/// How a killed move comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the same command.
    Again,
    Abort,
    /// The services make its buckets writable; then `abort` tidies up.
    Leave,
}

impl Crash<'_> {
    pub async fn kill(&self, run: &Run) -> anyhow::Result<String> {
        let databases = run.databases()?;
        let mut sides = Sides::open(&databases, self.service, self.from, self.to).await?;
        sides.kill(self.begin(run)?, self.kill).await
    }

    fn begin(&self, run: &Run) -> anyhow::Result<tokio::process::Child> {
        let to = &run.databases()?.shards()[self.to];
        reshard::start(run.folder(), self.service, &["move", "--buckets", &reshard::list(self.buckets), "--to", to])
    }

    /// Asks what is left, then takes the move up, undoes it or leaves it to the services.
    pub async fn recover(&self, run: &Run, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let (well, said) = self.order(run, "status").await?;
        eprintln!("status ({}): {said}", if well { "well" } else { "needs attention" });
        match self.way {
            Way::Again => {
                let (done, said) = reshard::finish(self.begin(run)?).await?;
                eprintln!("again ({done}): {said}");
                if done {
                    outcomes.resumed += 1;
                    return Ok(());
                }
                outcomes.refused += 1;
            }
            Way::Leave => outcomes.healed = outcomes.healed.max(self.heal(run).await?),
            Way::Abort => {}
        }
        self.abort(run, outcomes).await
    }

    /// Lets a primary of the shard `side` go while the move is at a step; then the same command again, until it succeeds.
    pub async fn fail_over(&self, run: &Run, side: usize, fault: Fault, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let databases = run.databases()?;
        let shard = databases.shards().swap_remove(side);
        let leader = fault::leader(run, &shard).await?;
        let mut sides = Sides::open(&databases, self.service, self.from, self.to).await?;
        let happen = async {
            let broken = fault.inject(run, &shard, &leader).await?;
            fault::led_again(run, &shard, &broken).await
        };
        let (mut done, mut said) = sides.interrupt(self.begin(run)?, self.kill, happen).await?;
        eprintln!("move beside the failover ({done}): {said}");
        *if done { &mut outcomes.outlived } else { &mut outcomes.repeated } += 1;
        for _ in 0..reshard::ATTEMPTS {
            if !done {
                (done, said) = reshard::finish(self.begin(run)?).await?;
                eprintln!("again ({done}): {said}");
            }
        }
        if !done || !self.has_moved(run).await? {
            outcomes.violations.push(format!("{}: a failover of {shard} kept the move from its end: {said}", self.service));
        }
        fault::whole(run, &shard, Instant::now()).await.map(drop)
    }

    async fn abort(&self, run: &Run, outcomes: &mut Outcomes) -> anyhow::Result<()> {
        let (done, said) = self.order(run, "abort").await?;
        eprintln!("abort ({done}): {said}");
        *if self.has_moved(run).await? { &mut outcomes.finished } else { &mut outcomes.rolled_back } += 1;
        if !done {
            outcomes.violations.push(format!("{} could not abort: {said}", self.service));
        }
        Ok(())
    }

    async fn order(&self, run: &Run, order: &str) -> anyhow::Result<(bool, String)> {
        reshard::finish(reshard::start(run.folder(), self.service, &[order])?).await
    }

    /// Waits until the services have made every bucket writable again, and says how long it took.
    async fn heal(&self, run: &Run) -> anyhow::Result<Duration> {
        let (begun, what) = (Instant::now(), format!("every bucket of {} writable after the kill", self.service));
        let all = async || Ok((self.writable(run).await? == i64::from(magnitude_ids::BUCKETS)).then(|| begun.elapsed()));
        wait::until(&what, HEALED, LOOK, all).await
    }

    async fn writable(&self, run: &Run) -> anyhow::Result<i64> {
        let (databases, mut writable) = (run.databases()?, 0);
        for shard in 0..databases.shards().len() {
            let mut primary = databases.primary(shard, self.service).await?;
            let sql = "select count(*) from sharding.buckets where state = 'owned'";
            writable += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut primary).await?;
        }
        Ok(writable)
    }

    pub async fn has_moved(&self, run: &Run) -> anyhow::Result<bool> {
        Ok(run.owners().await?.number(self.service, self.buckets[0]) == Some(self.to))
    }

    /// All buckets are on one of the two shards, and nothing of the move is left.
    pub async fn judge(&self, run: &Run) -> anyhow::Result<Vec<String>> {
        let (databases, owners) = (run.databases()?, run.owners().await?);
        let on = |shard| self.buckets.iter().filter(|bucket| owners.number(self.service, **bucket) == Some(shard)).count();
        let mut wrong = [check::leftovers(&databases).await?, check::owners(&databases).await?].concat();
        if ![on(self.from), on(self.to)].contains(&self.buckets.len()) {
            wrong.push(format!("{}: {} buckets stayed and {} moved", self.service, on(self.from), on(self.to)));
        }
        Ok(wrong)
    }
}
