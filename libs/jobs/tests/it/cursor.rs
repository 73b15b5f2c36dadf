//! The log is read by one reader, in order, to the end.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use magnitude_jobs::{Event, follow, record};
use magnitude_kit::eventually;
use magnitude_sharding::{Shards, Write};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bench::{Bench, bucket};

/// What a reader has handled, and whether it can.
#[derive(Clone, Default)]
struct Reader {
    handled: Arc<Mutex<Vec<String>>>,
    broken: Arc<AtomicBool>,
}

impl Reader {
    fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }

    /// How often it has handled one of them.
    fn times(&self, what: &str) -> usize {
        self.handled().iter().filter(|handled| *handled == what).count()
    }

    fn follow(&self, shards: &Shards, stop: &CancellationToken) -> JoinHandle<()> {
        let reader = self.clone();
        let handle = move |events: Vec<Event>| {
            let reader = reader.clone();
            async move {
                anyhow::ensure!(!reader.broken.load(Ordering::Relaxed), "its line is broken");
                let told = events.iter().map(|event| event.payload.as_str().unwrap_or_default().to_owned());
                reader.handled.lock().unwrap().extend(told);
                Ok(())
            }
        };
        tokio::spawn(follow(shards.clone(), "test", handle, stop.clone()))
    }
}

async fn tell(shards: &Shards, what: &str) {
    let mut write = begin(shards, what).await;
    write.keep_answer(200, "").await.unwrap();
    write.commit().await.unwrap();
}

async fn begin(shards: &Shards, what: &str) -> Write {
    let mut write = shards.write(bucket()).await.unwrap();
    record(&mut write, "told", &what).await.unwrap();
    write
}

async fn events(bench: &Bench) -> i64 {
    sqlx::query_scalar("select count(*) from jobs.events").fetch_one(&bench.pool).await.unwrap()
}

#[tokio::test]
async fn every_event_is_handled_in_order_and_then_forgotten() {
    let bench = Bench::new().await;
    let (reader, stop) = (Reader::default(), CancellationToken::new());
    for number in 0..5 {
        tell(bench.shards(), &number.to_string()).await;
    }
    let running = reader.follow(bench.shards(), &stop);
    eventually("the first are handled", async || reader.handled().len() == 5).await;
    tell(bench.shards(), "5").await;

    eventually("all are handled", async || reader.handled() == ["0", "1", "2", "3", "4", "5"]).await;
    eventually("they are forgotten", async || events(&bench).await == 0).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_began_earlier_and_commits_later_is_not_skipped() {
    let bench = Bench::new().await;
    let (reader, stop) = (Reader::default(), CancellationToken::new());
    let late = begin(bench.shards(), "late").await;
    tell(bench.shards(), "early").await;
    let running = reader.follow(bench.shards(), &stop);

    late.commit().await.unwrap();

    eventually("both are handled", async || reader.handled() == ["late", "early"]).await;
    stop.cancel();
    running.await.unwrap();
}

/// Who holds the cursor, and until when.
async fn cursor(bench: &Bench) -> Option<(Uuid, String)> {
    sqlx::query_as("select holder, until::text from jobs.cursors").fetch_optional(&bench.pool).await.unwrap()
}

#[tokio::test]
async fn one_reads_at_a_time_and_another_takes_over_from_one_that_fails() {
    let bench = Bench::new().await;
    let (broken, whole, stop) = (Reader::default(), Reader::default(), CancellationToken::new());
    broken.broken.store(true, Ordering::Relaxed);
    let first = broken.follow(bench.shards(), &stop);
    eventually("the first holds the cursor", async || cursor(&bench).await.is_some()).await;
    let (before, _) = cursor(&bench).await.expect("it is held");
    let second = whole.follow(bench.shards(), &stop);

    let mut tries = 0..20;
    loop {
        let number = tries.next().expect("of twenty words one is handled before the cursor is free");
        let (told, again) = (format!("told {number}"), format!("again {number}"));
        broken.broken.store(true, Ordering::Relaxed);
        tell(bench.shards(), &told).await;
        eventually("the other one handles it", async || whole.times(&told) > 0).await;
        let (holder, until) = cursor(&bench).await.expect("it is held");

        broken.broken.store(false, Ordering::Relaxed);
        tell(bench.shards(), &again).await;
        eventually("it is handled", async || whole.times(&again) + broken.times(&again) > 0).await;

        // Held for three seconds at a time; on a busy machine these may be over before the holder looks again, and anybody may come.
        let in_time = "select clock_timestamp() < $1::timestamptz";
        let held: bool = sqlx::query_scalar(in_time).bind(until).fetch_one(&bench.pool).await.unwrap();
        if held && holder != before {
            assert_eq!((whole.times(&again), broken.times(&again)), (1, 0), "it does not stay with that one");
            break;
        }
    }
    stop.cancel();
    first.await.unwrap();
    second.await.unwrap();
}
