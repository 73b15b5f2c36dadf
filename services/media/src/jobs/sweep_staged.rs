use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt;
use magnitude_jobs::{Context, Job, JobError, Lane};
use serde::{Deserialize, Serialize};

use crate::{App, staging};

/// Older than this nothing is worked on: an upload's row goes after a day too.
const AGE: TimeDelta = TimeDelta::days(1);
/// A job ends after 25 s; the next one goes on.
const BUDGET: Duration = Duration::from_secs(15);

/// Deletes what uploads left that died half way. Safe to run twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SweepStaged;

impl Job for SweepStaged {
    type State = App;
    const KIND: &'static str = "SweepStaged";
    const LANE: Lane = Lane::Bulk;

    async fn run(&self, app: &App, _: &Context) -> Result<(), JobError> {
        sweep(app, AGE).await.map_err(JobError::Retry)
    }
}

/// What is older than `age`.
pub(crate) async fn sweep(app: &App, age: TimeDelta) -> anyhow::Result<()> {
    let (began, before) = (Instant::now(), Utc::now() - age);
    let mut swept = app.objects.sweep(age.to_std().unwrap_or_default()).await?;
    let mut staged = app.objects.list(&staging::folder());
    while let Some(entry) = staged.try_next().await? {
        if entry.modified < before {
            app.objects.delete(&entry.key).await?;
            swept += 1;
        }
        if began.elapsed() > BUDGET {
            break;
        }
    }
    metrics::counter!("media_swept_total").increment(swept as u64);
    Ok(())
}
