use std::time::Duration;

use magnitude_kit::eventually;

use crate::{
    bench::{Bench, jobs},
    jobs::Leave,
};

#[tokio::test]
async fn each_tick_is_led_once_by_however_many_workers() {
    let bench = Bench::new().await;
    let scheduled = || jobs().schedule("leave one", Duration::from_secs(2), Leave::once());
    let begun = tokio::time::Instant::now();
    let workers = [(); 4].map(|()| bench.start(scheduled(), bench.broker.clone()));

    eventually("three ticks came", async || bench.effects().await >= 3).await;

    // The first comes at once, the others at the ends of whole periods.
    let effects = bench.effects().await;
    let most = i64::try_from(begun.elapsed().as_secs() / 2).unwrap() + 2;
    assert!(effects <= most, "{effects} in {:?}", begun.elapsed());
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(bench.count("select count(*) from jobs.schedules").await, 1);
}
