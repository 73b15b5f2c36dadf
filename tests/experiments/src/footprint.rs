//! What the standard topology takes of a machine. No claim: figures for whoever wants to start it.

use std::{path::Path, time::Duration};

use anyhow::Context;
use magnitude_load::report::Figure;
use magnitude_stack::{Extent, Options as StackOptions, Stack};
use tokio::time::{Instant, sleep};

use crate::run::{Options, Run};

const NAME: &str = "footprint";
const TITLE: &str = "what the standard topology takes of a machine";
const SITE: &str = "services/web/dist";
/// By then everything that starts has calmed down.
const CALM: Duration = Duration::from_mins(1);
const GIB: f64 = 1_073_741_824.0;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    run.fault("everything is ended, and its data deleted");
    let fresh = timed(&run, |folder| {
        magnitude_stack::clean(folder)?;
        let begun = Instant::now();
        let stack = Stack::create(folder, &StackOptions { port: Some(0), edge_port: Some(0), ..StackOptions::default() })?;
        raise(&stack)?;
        stack.publish(Path::new(SITE))?;
        Ok(begun)
    });
    run.figure(Figure::shown("until all is ready, the first time", fresh.await?, "s"));
    sleep(CALM).await;
    let (memory, disk) = run.control(|stack| Ok((stack.memory()?, stack.disk()?))).await?;
    run.figure(Figure::shown("memory of all processes, a minute later", gib(memory), "GiB"));
    run.figure(Figure::shown("disk for its data, without any of yours", gib(disk), "GiB"));
    run.fault("everything is ended");
    let again = timed(&run, |folder| {
        magnitude_stack::down(folder)?;
        let begun = Instant::now();
        raise(&Stack::open(folder)?)?;
        Ok(begun)
    });
    run.figure(Figure::shown("until all is ready again after `make down`", again.await?, "s"));
    let running = timed(&run, |folder| {
        let begun = Instant::now();
        raise(&Stack::open(folder)?)?;
        Ok(begun)
    });
    run.figure(Figure::shown("until that is noticed if all is", running.await?, "s"));
    run.end().await
}

fn raise(stack: &Stack) -> anyhow::Result<()> {
    stack.up(Extent::Everything, &|_| ())
}

/// Seconds since the moment that `work` gives back.
async fn timed(run: &Run, work: impl FnOnce(&Path) -> anyhow::Result<Instant> + Send + 'static) -> anyhow::Result<f64> {
    let folder = run.folder().to_path_buf();
    let done = move || work(&folder).map(|begun| begun.elapsed());
    Ok(tokio::task::spawn_blocking(done).await.context("the runner panicked")??.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "a figure")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}
