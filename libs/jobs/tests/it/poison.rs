//! What no worker can run is parked at once, with the reason, and nobody else waits for it.

use magnitude_kit::eventually;

use crate::{
    bench::Bench,
    jobs::{NewerObey, Obey, Unknown},
};

async fn is_parked(bench: &Bench, reason: &str) {
    let _worker = bench.work();

    eventually("it is parked", async || bench.dead().await.iter().any(|dead| dead.contains(reason))).await;

    assert_eq!(bench.dead().await.len(), 1);
    bench.submit(&Obey::Succeed).await;
    eventually("the next one runs", async || bench.state.runs() == 1 && bench.waiting().await == 0).await;
}

#[tokio::test]
async fn a_job_that_does_not_decode_is_parked() {
    let bench = Bench::new().await;
    bench.submit(&Obey::Succeed).await;
    bench.tamper(r#"payload = '{"Obey": 1}'"#).await;
    is_parked(&bench, "unknown variant").await;
}

#[tokio::test]
async fn a_job_of_an_unknown_kind_is_parked() {
    let bench = Bench::new().await;
    bench.submit(&Unknown(String::new())).await;
    is_parked(&bench, "this release knows no job Unknown").await;
}

#[tokio::test]
async fn a_job_of_a_newer_version_is_parked() {
    let bench = Bench::new().await;
    bench.submit(&NewerObey).await;
    is_parked(&bench, "version 2 is newer than 1").await;
}

#[tokio::test]
async fn a_job_larger_than_a_mebibyte_is_parked() {
    let bench = Bench::new().await;
    bench.submit(&Obey::Succeed).await;
    bench.tamper("payload = to_jsonb(repeat('x', 1048576))").await;
    is_parked(&bench, "its payload of 1048578 bytes is larger than 1048576").await;
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_parked() {
    let bench = Bench::new().await;
    let worker = bench.work();
    bench.queues.consumed_by(1).await;

    bench.queues.publish("default", b"{\"bucket\": 5000}").await;
    bench.queues.publish("default", &vec![b'x'; (1 << 20) + 1]).await;

    eventually("they are parked", async || bench.dead().await.len() == 2).await;
    let reasons = bench.dead().await;
    assert!(reasons.iter().any(|reason| reason.contains("does not decode")), "{reasons:?}");
    assert!(reasons.iter().any(|reason| reason.contains("larger than 1048576")), "{reasons:?}");
    bench.submit(&Obey::Succeed).await;
    eventually("the consumer goes on", async || bench.state.runs() == 1).await;
    worker.stop().await;
    assert_eq!(bench.queues.depth("default").await, Some(0), "they are gone from the broker");
}

#[tokio::test]
async fn a_poison_job_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    bench.submit(&Obey::Fail).await;
    bench.submit(&Obey::Succeed).await;

    let _worker = bench.work();

    eventually("the good one is done", async || bench.waiting().await == 1 && bench.state.runs() >= 2).await;
}
