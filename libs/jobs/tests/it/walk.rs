//! Walks over all buckets.

use std::{sync::atomic::Ordering, time::Duration};

use magnitude_ids::Bucket;
use magnitude_jobs::{JobError, Walk};
use magnitude_kit::eventually;
use magnitude_sharding::Error;
use serde::{Deserialize, Serialize};

use crate::{
    bench::{Bench, jobs},
    commands::jobs as command,
    jobs::State,
};

/// The first and the last of all, and two of one range.
const FILLED: [u16; 4] = [0, 1_000, 1_001, 4_095];
const PAGES: u8 = 3;

/// Counts the pages that it looks at, and is out of time after each.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Visit {
    page: u8,
}

impl Walk for Visit {
    type State = State;
    const KIND: &'static str = "Visit";
    const PART: &'static str = "VisitPart";
    const BUDGET: Duration = Duration::ZERO;

    async fn filled(_: &State, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
        Ok(FILLED.into_iter().filter_map(Bucket::new).filter(|bucket| (first..=last).contains(bucket)).collect())
    }

    async fn page(&self, state: &State, bucket: Bucket) -> Result<Option<Self>, JobError> {
        assert!(FILLED.contains(&bucket.number()));
        state.runs.fetch_add(1, Ordering::SeqCst);
        let page = self.page + 1;
        Ok((page < PAGES).then_some(Self { page }))
    }
}

#[tokio::test]
async fn a_nightly_walk_begins_with_the_next_night_or_when_it_is_asked_for() {
    let bench = Bench::new().await;
    let worker = bench.start(jobs().walk_nightly::<Visit>("visit"), bench.broker.clone());
    eventually("the schedule is known", async || bench.count("select count(*) from jobs.schedules").await == 1).await;
    assert_eq!((bench.waiting().await, bench.state.runs()), (0, 0), "nothing is old enough to have drifted");

    command(&bench, &["run", "visit"]).await.unwrap();

    eventually("the walk has begun", async || bench.state.runs() > 0).await;
    eventually("no job is left", async || bench.waiting().await == 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn each_page_of_what_is_filled_is_looked_at_once_however_many_jobs_that_takes() {
    let bench = Bench::new().await;
    let worker = bench.start(jobs().walk_nightly::<Visit>("visit"), bench.broker.clone());
    eventually("the schedule is known", async || bench.count("select count(*) from jobs.schedules").await == 1).await;

    command(&bench, &["run", "visit"]).await.unwrap();
    let pages = FILLED.len() * usize::from(PAGES);
    eventually("all is looked at", async || bench.state.runs() == pages && bench.waiting().await == 0).await;

    worker.stop().await;
    assert_eq!((bench.state.runs(), bench.dead().await.len()), (pages, 0));
    // One begins, one a range, and one more for each page that came after the time was up.
    let processed = bench.count("select count(*) from jobs.processed").await;
    assert_eq!(usize::try_from(processed).unwrap(), 1 + pages - 3);
}
