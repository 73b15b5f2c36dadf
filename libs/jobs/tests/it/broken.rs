//! A broker that is away, has other queues, or takes nothing.

use lapin::types::{AMQPValue, FieldTable};
use magnitude_jobs::Settings;
use magnitude_kit::{Proxy, eventually};

use crate::{
    bench::Bench,
    jobs::{Leave, Obey},
};

#[tokio::test]
async fn without_a_broker_a_worker_runs_what_is_due() {
    let bench = Bench::new().await;
    let _worker = bench.work_with(Settings { nodes: vec!["127.0.0.1:9".to_owned()], ..bench.broker.clone() });
    for _ in 0..50 {
        bench.submit(&Leave::once()).await;
    }

    eventually("all are done", async || bench.waiting().await == 0).await;

    assert_eq!(bench.effects().await, 50);
    assert_eq!(bench.queues.depth("critical").await, None, "nobody made a queue");
}

#[tokio::test]
async fn a_line_that_breaks_is_made_anew_and_nothing_waits_for_it() {
    let bench = Bench::new().await;
    let proxy = Proxy::to(&bench.broker.nodes[0]).await.unwrap();
    let worker = bench.work_with(Settings { nodes: vec![proxy.address()], at_once: 1, ..bench.broker.clone() });
    bench.queues.consumed_by(1).await;

    proxy.cut().await;
    bench.submit(&Obey::Succeed).await;
    eventually("it runs here", async || bench.waiting().await == 0).await;
    proxy.heal();
    bench.queues.publish("default", b"unreadable").await;

    // Only a consumer finds that.
    eventually("the consumer is back", async || bench.dead().await.len() == 1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_left() {
    let bench = Bench::new().await;
    let proxy = Proxy::to(&bench.broker.nodes[0]).await.unwrap();
    let worker = bench.work_with(Settings { nodes: vec![proxy.address()], timeout_ms: 2_000, ..bench.broker.clone() });
    bench.queues.consumed_by(1).await;

    proxy.freeze();
    bench.submit(&Leave::once()).await;

    eventually("it runs here", async || bench.waiting().await == 0).await;
    assert_eq!(bench.effects().await, 1);
    proxy.heal();
    worker.stop().await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_left_as_it_is() {
    let bench = Bench::new().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(77));
    bench.queues.declare("default", arguments).await;
    bench.queues.publish("default", b"precious").await;

    let worker = bench.work();
    bench.submit(&Obey::Succeed).await;

    eventually("jobs run all the same", async || bench.waiting().await == 0).await;
    worker.stop().await;
    assert_eq!(bench.queues.depth("default").await, Some(1), "what is in it stays");
}

#[tokio::test]
async fn a_broker_that_takes_nothing_more_holds_up_nobody() {
    let bench = Bench::alone().await;
    let worker = bench.work();
    bench.queues.consumed_by(1).await;
    bench.submit(&Leave::once()).await;
    eventually("it goes through the broker", async || bench.waiting().await == 0).await;
    let stack = stack();
    let alarmed = Alarm::raise(&stack);

    for _ in 0..20 {
        bench.submit(&Leave::once()).await;
    }

    eventually("all are done", async || bench.waiting().await == 0).await;
    assert_eq!(bench.effects().await, 21);
    drop(alarmed);
    bench.submit(&Leave::once()).await;
    eventually("it goes on", async || bench.effects().await == 22 && bench.waiting().await == 0).await;
    worker.stop().await;
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_broker_is_killed_and_comes_back() {
    let bench = Bench::alone().await;
    let worker = bench.work();
    bench.queues.consumed_by(1).await;
    let stack = stack();
    let restarted = std::thread::spawn(move || {
        stack.kill("rabbitmq").expect("it dies");
        stack.start("rabbitmq").expect("it starts");
    });

    let mut written = 0;
    while !restarted.is_finished() {
        bench.submit(&Leave::once()).await;
        written += 1;
    }
    restarted.join().unwrap();

    eventually("all are done", async || bench.waiting().await == 0).await;
    assert_eq!(bench.effects().await, written);
    // Only a consumer finds that.
    bench.queues.publish("default", b"unreadable").await;
    eventually("the consumer is back", async || bench.dead().await.len() == 1).await;
    worker.stop().await;
}

/// The running stack, as its own command sees it.
fn stack() -> magnitude_stack::Stack {
    let described = std::env::var_os("MAGNITUDE_TEST_STACK").map_or_else(|| "../../.stack/test.json".into(), std::path::PathBuf::from);
    magnitude_stack::Stack::open(described.parent().expect("it lies in the stack's folder")).expect("the stack is there")
}

/// While it lives the broker believes itself out of memory. Others share it: nothing of theirs waits for it either.
struct Alarm<'a>(&'a magnitude_stack::Stack);

impl<'a> Alarm<'a> {
    fn raise(stack: &'a magnitude_stack::Stack) -> Self {
        stack.rabbitmqctl("rabbitmq", &["set_vm_memory_high_watermark", "absolute", "1"]).expect("it is told");
        Self(stack)
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.rabbitmqctl("rabbitmq", &["set_vm_memory_high_watermark", "absolute", "512MiB"]).expect("it is told");
    }
}
