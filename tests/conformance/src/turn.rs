//! Tests run beside each other, but for those that leave the machine no time for what must be quick.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
};

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// More than tests that run at once.
const ALL: u32 = 1_000;

/// First come, first served: who wants to be alone is not passed by those who do not.
static MACHINE: Semaphore = Semaphore::const_new(ALL as usize);

thread_local! {
    static MINE: RefCell<Weak<Turn>> = const { RefCell::new(Weak::new()) };
}

/// What a test has of the machine, from its first request until the last of its clients is dropped.
#[derive(Debug, Default)]
pub struct Turn(OnceCell<SemaphorePermit<'static>>);

impl Turn {
    /// Of the test that runs on this thread, as its runtime does: one for all of its clients, so that it never waits for itself.
    pub(crate) fn mine() -> Arc<Self> {
        MINE.with_borrow_mut(|mine| {
            mine.upgrade().unwrap_or_else(|| {
                let turn = Arc::default();
                *mine = Arc::downgrade(&turn);
                turn
            })
        })
    }

    /// Waits as long as another test is alone.
    pub(crate) async fn begin(&self) {
        self.take(1).await;
    }

    async fn take(&self, share: u32) {
        self.0.get_or_init(|| async move { MACHINE.acquire_many(share).await.expect("nobody closes it") }).await;
    }
}

/// Waits until every other test that has sent a request has ended. No other sends one as long as what is returned lives. To be called
/// before the test's own first request.
pub async fn alone() -> Arc<Turn> {
    let turn = Turn::mine();
    assert!(!turn.0.initialized(), "a request was sent before");
    turn.take(ALL).await;
    turn
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    /// As another test would.
    fn another_is_alone() -> bool {
        let other = thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            runtime.block_on(async { tokio::time::timeout(Duration::from_millis(50), alone()).await.is_ok() })
        });
        other.join().expect("it does not panic")
    }

    #[tokio::test]
    async fn who_wants_to_be_alone_waits_for_the_others_and_nobody_for_itself() {
        let mine = Turn::mine();
        mine.begin().await;
        Turn::mine().begin().await;

        assert!(!another_is_alone());
        drop(mine);
        assert!(another_is_alone());
    }
}
