use std::{
    marker::PhantomData,
    time::{Duration, Instant},
};

use magnitude_ids::{BUCKETS, Bucket};
use magnitude_sharding::{Error, Shards, Write};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Context, Job, JobError, Lane, Options};

/// Jobs that a walk begins with, each with as many buckets.
const RANGES: u16 = 64;

/// Looks at all buckets, a page of one bucket at a time. The value says where in its bucket it is; the default is the beginning.
pub trait Walk: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    type State: Clone + Send + Sync + 'static;
    /// How rows name the job that begins it.
    const KIND: &'static str;
    /// How rows name the jobs of its parts.
    const PART: &'static str;
    /// After this long a job leaves the rest to the next one, so that others of its lane get their turn.
    const BUDGET: Duration = Duration::from_secs(2);

    /// Those of a range of buckets that there is anything to look at in, in any order.
    fn filled(state: &Self::State, first: Bucket, last: Bucket) -> impl Future<Output = Result<Vec<Bucket>, Error>> + Send;

    /// Looks at a page; where the bucket's next one begins, nothing after its last. It may run twice, also at the same time.
    fn page(&self, state: &Self::State, bucket: Bucket) -> impl Future<Output = Result<Option<Self>, JobError>> + Send;
}

/// Begins a walk: writes a job for each range of buckets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Begin<W> {
    #[serde(skip)]
    walk: PhantomData<W>,
}

impl<W> Default for Begin<W> {
    fn default() -> Self {
        Self { walk: PhantomData }
    }
}

impl<W: Walk> Job for Begin<W> {
    type State = W::State;
    const KIND: &'static str = W::KIND;
    const LANE: Lane = Lane::Bulk;

    async fn run(&self, _: &W::State, context: &Context) -> Result<(), JobError> {
        let mut write = context.write(context.bucket).await?;
        for part in ranges().map(|(first, last)| Part { at: first, last, from: W::default() }) {
            // An earlier walk that is not done yet with a range goes on there.
            let unique = Some(format!("from {}", part.at));
            context.child(&mut write, &part, Options { unique, ..Options::default() }).await?;
        }
        write.commit().await?;
        Ok(())
    }
}

/// Walks some buckets. Safe to run twice, as pages are.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Part<W> {
    at: Bucket,
    last: Bucket,
    /// Where in the bucket `at`.
    from: W,
}

impl<W: Walk> Job for Part<W> {
    type State = W::State;
    const KIND: &'static str = W::PART;
    const LANE: Lane = Lane::Bulk;

    async fn run(&self, state: &W::State, context: &Context) -> Result<(), JobError> {
        let Some(rest) = self.walk(state).await? else { return Ok(()) };
        let mut write = context.write(context.bucket).await?;
        context.child(&mut write, &rest, Options::default()).await?;
        write.commit().await?;
        Ok(())
    }
}

impl<W: Walk> Part<W> {
    /// Walks until the time is up; what is left then.
    async fn walk(&self, state: &W::State) -> Result<Option<Self>, JobError> {
        let (began, mut looked) = (Instant::now(), false);
        let mut filled = W::filled(state, self.at, self.last).await?;
        filled.sort_unstable();
        for bucket in filled {
            let mut from = Some(if bucket == self.at { self.from.clone() } else { W::default() });
            while let Some(place) = from {
                if looked && began.elapsed() >= W::BUDGET {
                    return Ok(Some(Self { at: bucket, last: self.last, from: place }));
                }
                from = place.page(state, bucket).await?;
                looked = true;
            }
        }
        Ok(None)
    }
}

fn ranges() -> impl Iterator<Item = (Bucket, Bucket)> {
    let buckets: Vec<_> = Bucket::all().collect();
    let ranges: Vec<_> = buckets.chunks(usize::from(BUCKETS / RANGES)).filter_map(|some| Some((*some.first()?, *some.last()?))).collect();
    ranges.into_iter()
}

/// A transaction in a bucket that no other one from here is open in: what it reads is what the last of them left.
pub async fn write_alone(shards: &Shards, bucket: Bucket) -> Result<Write, Error> {
    let mut write = shards.write(bucket).await?;
    // 77302 is the name space of these locks, beside that of the guard's.
    sqlx::query("select pg_advisory_xact_lock(77302, $1)").bind(i32::from(bucket.number())).execute(&mut *write).await?;
    Ok(write)
}

/// Counts what is kept twice and differed, and what of it is right now. Nothing found is counted too, so that the figure is there.
pub fn report_drift(what: &'static str, found: usize, repaired: usize) {
    metrics::counter!("drift_found_total", "what" => what).increment(found as u64);
    metrics::counter!("drift_repaired_total", "what" => what).increment(repaired as u64);
    if found > 0 {
        tracing::warn!(what, found, repaired, "what is kept twice differed");
    }
}
