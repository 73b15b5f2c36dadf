//! Messages that come twice, late, or to a worker that dies.

use std::time::Duration;

use magnitude_jobs::{Options, Settings};
use magnitude_kit::{eventually, eventually_within};
use serde_json::json;

use crate::{
    bench::{Bench, bucket},
    child,
    jobs::{Leave, Obey},
};

#[tokio::test]
async fn due_jobs_wait_in_the_broker_and_two_workers_share_them() {
    let bench = Bench::new().await;
    let narrow = Settings { at_once: 1, ..bench.broker.clone() };
    let (one, other) = (bench.work_with(narrow.clone()), bench.work_with(narrow));
    bench.queues.consumed_by(2).await;
    for _ in 0..10 {
        bench.submit(&Obey::Hold).await;
    }

    eventually("two run", async || bench.state.runs() == 2).await;
    // Each worker has one that runs, and was sent none beyond.
    eventually("the others wait", async || bench.queues.depth("default").await == Some(8)).await;

    bench.state.release.add_permits(10);
    eventually("all are done", async || bench.waiting().await == 0).await;
    assert_eq!(bench.state.runs(), 10);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn many_jobs_leave_one_effect_each() {
    let bench = Bench::new().await;
    for _ in 0..200 {
        bench.submit(&Leave::once()).await;
    }

    let (_one, _other) = (bench.work(), bench.work());

    eventually("all are done", async || bench.waiting().await == 0).await;
    assert_eq!((bench.effects().await, bench.count("select count(distinct job) from effects").await), (200, 200));
}

/// The relays leave it alone, so that only the messages of the test bring it.
fn later() -> Options {
    Options { delay: Duration::from_mins(10), ..Options::default() }
}

#[tokio::test]
async fn a_message_that_comes_eight_times_at_once_has_one_effect() {
    let bench = Bench::new().await;
    bench.make_queues().await;
    let mut jobs = 0;
    // Whether some of them meet is the machine's to say.
    eventually_within(Duration::from_mins(2), "they meet", async || {
        let id = bench.submit_with(&Leave::once(), later()).await.unwrap();
        let message = json!({ "bucket": bucket(), "id": id, "turn": 0 }).to_string();
        for _ in 0..8 {
            bench.queues.publish("critical", message.as_bytes()).await;
        }
        jobs += 1;
        let runs = bench.state.runs();

        let worker = bench.work();

        eventually("it is done", async || bench.waiting().await == 0).await;
        eventually("all have come", async || bench.queues.depth("critical").await == Some(0)).await;
        worker.stop().await;
        assert_eq!((bench.effects().await, bench.queues.depth("critical").await), (jobs, Some(0)));
        bench.state.runs() > runs + 1
    })
    .await;
}

#[tokio::test]
async fn a_message_of_an_earlier_turn_is_dropped() {
    let bench = Bench::new().await;
    bench.make_queues().await;
    let id = bench.submit_with(&Obey::Succeed, later()).await.unwrap();
    bench.tamper("turn = 1").await;
    bench.queues.publish("default", json!({ "bucket": bucket(), "id": id, "turn": 0 }).to_string().as_bytes()).await;

    let worker = bench.work();

    eventually("it is taken", async || bench.queues.depth("default").await == Some(0)).await;
    worker.stop().await;
    assert_eq!((bench.state.runs(), bench.waiting().await), (0, 1));
}

#[tokio::test]
async fn what_the_broker_gives_up_is_a_failed_try() {
    let bench = Bench::new().await;
    bench.make_queues().await;
    let id = bench.submit_with(&Obey::Succeed, Options { max_tries: 1, ..later() }).await.unwrap();
    bench.queues.publish("default", json!({ "bucket": bucket(), "id": id, "turn": 0 }).to_string().as_bytes()).await;

    bench.queues.refuse_all("default").await;
    let _worker = bench.work();

    eventually("it is parked", async || bench.dead().await.len() == 1).await;
    assert!(bench.dead().await[0].starts_with("the broker gave it up (delivery_limit)"), "{:?}", bench.dead().await);
    assert_eq!((bench.state.runs(), bench.waiting().await), (0, 0));
}

#[tokio::test]
async fn a_job_whose_worker_was_killed_runs_elsewhere_at_once() {
    let bench = Bench::new().await;
    let mut victim = child::start(&bench);
    bench.queues.consumed_by(1).await;
    bench.submit(&Obey::LeaveAndHold).await;
    // The child's process does not come to its end.
    eventually("it runs there", async || bench.effects().await == 1).await;

    victim.kill().unwrap();
    victim.wait().unwrap();
    let worker = bench.work();

    eventually("another one does it", async || bench.waiting().await == 0).await;
    // It finds the effect, and leaves no second one.
    assert_eq!((bench.state.runs(), bench.effects().await), (1, 1));
    worker.stop().await;
}
