use std::{collections::BTreeMap, future::Future};

use anyhow::{Context, bail, ensure};
use magnitude_ids::Bucket;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    command::{Buckets, Move, Order, Which},
    copy, drop, flip, plan,
    plan::{Part, in_words},
    preflight, record,
    side::{Admin, Side},
    unfinished::end,
    verify,
};
use crate::{Settings, ShardSettings, Shards};

/// How often a fence may expire before the release.
const FLIPS: usize = 5;
/// A snapshot is taken by the first statement, not by the beginning.
const SNAPSHOT: &str = "begin isolation level repeatable read read only; select 1 from sharding.buckets limit 1";

/// A command at work on the shards of one service.
pub struct Reshard {
    pub(super) shards: Shards,
    /// The service's settings, as the administrator.
    pub(super) settings: Settings,
    admin: Admin,
    /// Tests end the command at a step, as a crash would.
    stop_at: Option<&'static str>,
}

/// Carries out a command. `user` finds the bucket of a username, for `isolate`.
pub async fn run<F: Future<Output = anyhow::Result<Option<Bucket>>>>(
    settings: &Settings,
    admin: &Admin,
    shards: &[ShardSettings],
    order: Order,
    user: impl FnOnce(String) -> F,
) -> anyhow::Result<()> {
    ensure!(!admin.user.is_empty(), "reshard.user is not set: resharding needs the name and password of a superuser of the shards");
    let (connected, watch) = Shards::connect(settings, shards, CancellationToken::new())?;
    let reshard = Reshard::new(connected, settings, admin);
    let work = async {
        reshard.shards.ready().await?;
        match order {
            Order::Plan(which) => reshard.plan(&which),
            Order::Move(order) => reshard.run_moves(&order).await,
            Order::Isolate { user: name, user_id, to, dry_run } => {
                let bucket = match (name, user_id) {
                    (Some(name), _) => user(name.clone()).await?.with_context(|| format!("there is no user {name}"))?,
                    (None, Some(id)) => id.parse::<magnitude_ids::Id>().context("--user-id is no id")?.bucket(),
                    (None, None) => bail!("say whose bucket: --user or --user-id"),
                };
                let which = Which { spread: false, buckets: Some(Buckets(vec![bucket])), to: Some(to) };
                reshard.run_moves(&Move { which, batch: 1, dry_run }).await
            }
            Order::Status => reshard.status().await,
            Order::Abort => reshard.abort().await,
        }
    };
    tokio::select! {
        done = work => done,
        () = watch => bail!("the shards are no longer watched"),
    }
}

impl Reshard {
    pub fn new(shards: Shards, settings: &Settings, admin: &Admin) -> Self {
        let mut settings = settings.clone();
        settings.user.clone_from(&admin.user);
        settings.password.clone_from(&admin.password);
        Self { shards, settings, admin: admin.clone(), stop_at: None }
    }

    /// Ends every move right after this step, without cleaning up: what a kill does.
    #[must_use]
    pub fn stopping_at(mut self, step: &'static str) -> Self {
        self.stop_at = Some(step);
        self
    }

    fn plan(&self, which: &Which) -> anyhow::Result<()> {
        for part in self.parts(which)? {
            println!("{}", self.in_words(&part));
        }
        Ok(())
    }

    fn in_words(&self, part: &Part) -> String {
        let name = |shard: usize| self.shards.cluster(shard).name();
        format!("{} buckets from {} to {}: {}", part.buckets.len(), name(part.from), name(part.to), in_words(&part.buckets))
    }

    /// What is asked for, by source and target. Refused as a whole if a part of it cannot be.
    fn parts(&self, which: &Which) -> anyhow::Result<Vec<Part>> {
        let map = self.shards.map();
        if which.spread {
            ensure!(map.unowned().is_empty(), "some buckets have no owner, or several: see `reshard status`");
            let owned = (0..self.shards.clusters().len()).map(|shard| map.owned_by(shard));
            return Ok(plan::spread(&owned.collect::<Vec<_>>()));
        }
        let (Some(Buckets(buckets)), Some(to)) = (&which.buckets, &which.to) else { bail!("say which: --spread, or --buckets with --to") };
        let to = self.shards.index(to)?;
        let mut by_source: BTreeMap<usize, Vec<Bucket>> = BTreeMap::new();
        for bucket in buckets {
            let (from, _) =
                map.owner(*bucket).with_context(|| format!("bucket {bucket} has no owner, or several: see `reshard status`"))?;
            by_source.entry(from).or_default().push(*bucket);
        }
        // As it is when a move is repeated that was killed on its way.
        if let Some(there) = by_source.remove(&to) {
            println!("{} buckets are on {} already", there.len(), self.shards.cluster(to).name());
        }
        Ok(by_source.into_iter().map(|(from, buckets)| Part { from, to, buckets }).collect())
    }

    async fn run_moves(&self, order: &Move) -> anyhow::Result<()> {
        if !self.is_clear_for(order).await? {
            return Ok(());
        }
        let parts = self.parts(&order.which)?;
        if parts.is_empty() {
            println!("Nothing to move: the buckets are {}.", if order.which.spread { "even" } else { "there" });
        }
        for part in &parts {
            println!("{}", self.in_words(part));
            self.check(part).await?;
        }
        if order.dry_run {
            println!("Nothing was changed: --dry-run.");
            return Ok(());
        }
        let all: usize = parts.iter().map(|part| part.buckets.len()).sum();
        let mut done = 0;
        for part in parts {
            for buckets in part.buckets.chunks(order.batch.max(1)) {
                self.move_buckets(part.from, part.to, buckets).await?;
                done += buckets.len();
                println!("{:3} %  {done} of {all} buckets moved", done * 100 / all);
            }
        }
        Ok(())
    }

    /// Ends the moves of these buckets that were killed, so that who owns them is known. False for a dry run that would have to.
    async fn is_clear_for(&self, Move { which, dry_run, .. }: &Move) -> anyhow::Result<bool> {
        if let Some(to) = &which.to {
            self.shards.index(to)?;
        }
        let left = self.unfinished_of(which.buckets.as_ref()).await?;
        if *dry_run && !left.is_empty() {
            println!("Moves that have not ended, {} of them, would be finished or undone first: see `reshard status`.", left.len());
            return Ok(false);
        }
        self.finish(&left).await?;
        // Read after the above, whichever load is under way.
        self.shards.refresh(u64::MAX).await;
        Ok(true)
    }

    /// Refuses what cannot go well, before anything changes.
    async fn check(&self, part: &Part) -> anyhow::Result<()> {
        for shard in [part.from, part.to] {
            preflight::nodes_answer(&self.shards, shard).await?;
        }
        let (mut source, mut target) = self.sides(part.from, part.to).await?;
        preflight::schemas_agree(&mut source, &mut target).await?;
        preflight::source_owns(&mut source, &part.buckets).await?;
        preflight::has_room(&mut source, &mut target, part.buckets.len()).await
    }

    /// Both sides, locked against another move or migration.
    pub(super) async fn sides(&self, from: usize, to: usize) -> anyhow::Result<(Side, Side)> {
        let mut source = Side::open(&self.shards, &self.settings, from).await?;
        let mut target = Side::open(&self.shards, &self.settings, to).await?;
        source.lock().await?;
        target.lock().await?;
        Ok((source, target))
    }

    /// Moves buckets together. A failure before the release undoes everything; after it, what is left is taken up by the next command.
    pub async fn move_buckets(&self, from: usize, to: usize, buckets: &[Bucket]) -> anyhow::Result<()> {
        self.finish_unfinished(&[from, to]).await?;
        preflight::replicas_keep_up(&self.shards, [from, to]).await?;
        let (mut source, mut target) = self.sides(from, to).await?;
        preflight::schemas_agree(&mut source, &mut target).await?;
        preflight::source_owns(&mut source, buckets).await?;
        let id = Uuid::new_v4();
        let numbers: Vec<i16> = buckets.iter().map(|bucket| bucket.as_i16()).collect();
        match self.hand_over(&mut source, &mut target, id, &numbers).await {
            Ok(()) => Ok(()),
            Err(error) if error.is::<Stopped>() => Err(error),
            Err(error) => {
                // The connections may be what failed: what cannot be undone now is undone by the next command.
                std::mem::drop((source, target));
                if let Err(undone) = self.finish_unfinished(&[from, to]).await {
                    tracing::warn!(error = %format_args!("{undone:#}"), "what the move left could not be taken away yet: run `reshard abort`");
                }
                Err(error)
            }
        }
    }

    async fn hand_over(&self, source: &mut Side, target: &mut Side, id: Uuid, buckets: &[i16]) -> anyhow::Result<()> {
        record::begin(source, target, id, buckets).await?;
        self.reached("begun")?;
        // An earlier move that was given up may have left copies.
        drop::rows(&mut target.connection, buckets).await?;
        copy::start(source, target, &self.admin, &self.settings.name, id, buckets).await?;
        self.reached("subscribed")?;
        copy::wait_copied(target, id, |ready, all| tracing::debug!(ready, all, "tables copied")).await?;
        self.reached("copied")?;
        verify::streaming(source, target, id, buckets).await?;
        self.reached("verified")?;
        // Connected before the fence, which lives for a moment only.
        let mut still = Side::open(&self.shards, &self.settings, target.shard).await?;
        self.let_go(source, target, &mut still, id, buckets).await?;
        self.reached("released")?;
        flip::claim(source, target, id, buckets).await?;
        self.reached("claimed")?;
        drop::subscription(&mut target.connection, id).await?;
        drop::publication(&mut source.connection, id).await?;
        if let Some(wrong) = verify::at_rest(&mut source.connection, &mut still.connection, buckets).await? {
            record::step(&mut source.connection, id, record::KEPT).await?;
            bail!("{wrong}: the source's rows are kept");
        }
        // What follows may take long, and must not keep the target from cleaning up.
        std::mem::drop(still);
        self.reached("compared")?;
        end(source, target, id, buckets).await
    }

    /// Fences and releases, again when the fence expired on the way. Leaves open in `still` what the target had before anybody could
    /// write to it there: compared at leisure, when the writers are back.
    async fn let_go(&self, source: &mut Side, target: &mut Side, still: &mut Side, id: Uuid, buckets: &[i16]) -> anyhow::Result<()> {
        for _ in 0..FLIPS {
            let fence = flip::fence(source, target, buckets).await?;
            self.reached("fenced")?;
            sqlx::raw_sql(SNAPSHOT).execute(&mut still.connection).await?;
            if flip::release(source, target, (id, fence), buckets).await? {
                return Ok(());
            }
            sqlx::raw_sql("rollback").execute(&mut still.connection).await?;
            flip::lower(&mut source.connection, buckets).await?;
        }
        bail!("the fence expired before the release, {FLIPS} times: try again when fewer writes come")
    }

    fn reached(&self, step: &'static str) -> anyhow::Result<()> {
        tracing::debug!(step, "a move reached a step");
        if self.stop_at == Some(step) { Err(Stopped.into()) } else { Ok(()) }
    }
}

/// A test ended the command here.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;
