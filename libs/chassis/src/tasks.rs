use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Background work that ends with the process: a task that dies ends it with an error.
#[derive(Clone)]
pub struct Tasks {
    stop: CancellationToken,
    abort: CancellationToken,
    running: TaskTracker,
    died: Arc<watch::Sender<Option<String>>>,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            running: TaskTracker::new(),
            died: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Cancelled when the last request was answered: what serves requests must go on until then.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs `task` until it returns, which it may only do once [`Tasks::stop`] is cancelled.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        self.running.spawn(async move {
            let outcome = tokio::select! {
                () = tasks.abort.cancelled() => return,
                outcome = AssertUnwindSafe(task).catch_unwind() => outcome,
            };
            match outcome {
                Err(_) => tasks.bury(format!("the task {name} panicked")),
                Ok(()) if !tasks.stop.is_cancelled() => tasks.bury(format!("the task {name} ended before it was told to")),
                Ok(()) => {}
            }
        });
    }

    /// Waits for the first death; for ever if there is none.
    pub(crate) async fn death(&self) {
        // It cannot fail: the sender lives as long as self.
        let _ = self.died.subscribe().wait_for(Option::is_some).await;
    }

    pub(crate) fn dead(&self) -> Option<String> {
        self.died.borrow().clone()
    }

    /// Tells all tasks to end and waits until they did.
    pub(crate) async fn finish(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }

    pub(crate) fn abort(&self) {
        self.stop.cancel();
        self.abort.cancel();
    }

    fn bury(&self, sentence: String) {
        tracing::error!("{sentence}");
        // The first death is the reason; the others follow from it.
        self.died.send_if_modified(|died| {
            let first = died.is_none();
            died.get_or_insert(sentence);
            first
        });
    }
}
