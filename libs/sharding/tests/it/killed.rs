//! Moves that are killed: nobody notices, and the next command leaves everything in order.

use std::{sync::atomic::Ordering, time::Duration};

use magnitude_kit::{eventually, eventually_within};
use magnitude_sharding::Error;
use sqlx::PgConnection;

use crate::{
    bench::{Bench, add_note, bucket, run as sql},
    moves::Writer,
};

/// Kills a move at a step; then traffic must go on by itself, and the next command must leave everything in order.
async fn kill_at(step: &'static str) {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(7), 1).await.unwrap();

    let killed = bench.reshard().stopping_at(step).move_buckets(0, 1, &[bucket(7)]).await;

    assert_eq!(format!("{:#}", killed.expect_err("it was killed")), "stopped");
    eventually("writes go on", async || add_note(bench.shards(), bucket(7), 2).await.is_ok()).await;
    let owner = bench.shards().shard_of(bucket(7)).unwrap();
    if owner == bench.shards().names()[0] {
        bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap();
    } else {
        bench.abort().await;
    }
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1, 2]), "killed at {step}");
    assert_eq!(bench.leftovers().await, 0, "killed at {step}");
}

#[tokio::test]
async fn a_move_that_is_killed_before_the_fence_is_undone() {
    for step in ["begun", "subscribed", "copied", "verified"] {
        kill_at(step).await;
    }
}

#[tokio::test]
async fn a_move_that_is_killed_under_the_fence_lets_the_writers_in_again() {
    kill_at("fenced").await;
}

#[tokio::test]
async fn a_move_that_is_killed_after_the_release_is_finished() {
    for step in ["released", "claimed", "compared"] {
        kill_at(step).await;
    }
}

/// Kills a move of bucket 7 at a step, and leaves no time for the services to put it right.
async fn killed_at(step: &'static str) -> Bench {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(7), 1).await.unwrap();
    bench.reshard().stopping_at(step).move_buckets(0, 1, &[bucket(7)]).await.expect_err("it was killed");
    bench
}

#[tokio::test]
async fn a_killed_move_is_taken_up_by_the_same_command() {
    for step in ["begun", "copied", "fenced", "released", "claimed"] {
        let bench = killed_at(step).await;
        sql(&mut bench.cluster.primary(0).await, "update sharding.buckets set deadline = now() + interval '1 hour' where state = 'fenced'")
            .await;

        // With one that was not in it.
        bench.order(&[7, 8], "s2").await.unwrap_or_else(|refused| panic!("killed at {step}: {refused}"));

        assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1]), "killed at {step}");
        assert_eq!(bench.leftovers().await, 0, "killed at {step}");
        for number in [7, 8] {
            let committed = add_note(bench.shards(), bucket(number), 2).await.unwrap();
            assert_eq!(committed.stamp.shard, bench.shards().names()[1], "killed at {step}");
        }
    }
}

#[tokio::test]
async fn a_move_that_only_its_source_knows_to_have_ended_is_shown_and_finished() {
    let bench = killed_at("compared").await;
    // The source's half of the end.
    sql(
        &mut bench.cluster.primary(0).await,
        "set session_replication_role = replica;
         delete from notes; delete from sharding.markers; update sharding.moves set step = 'done'",
    )
    .await;

    let shown = bench.reshard().unfinished_in_words().await.unwrap();
    bench.abort().await;

    assert_eq!(shown, ["s1: a move of 1 buckets to s2 is at `claimed`, as s2 knows it"]);
    assert_eq!(bench.steps().await, ["done", "done"]);
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1]));
    assert_eq!(bench.leftovers().await, 0);
    assert!(bench.reshard().unfinished_in_words().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_killed_command_is_waited_for_until_its_lock_goes() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        let (mut killed, mut look) = (bench.cluster.primary(0).await, bench.cluster.primary(0).await);
        // As one whose statement still runs: its server has to look for the client to see that it is gone.
        sql(&mut killed, "select pg_advisory_lock(x'006d696772617465'::bigint)").await;
        let notices = async {
            let asks = "select exists (select from pg_stat_activity where datname = current_database()
                                       and application_name = 'magnitude reshard' and query like '%try_advisory_lock%')";
            eventually("the command wants the lock", async || sqlx::query_scalar(asks).fetch_one(&mut look).await.unwrap()).await;
            sql(&mut killed, "select pg_advisory_unlock_all()").await;
            std::future::pending::<Result<(), String>>().await
        };

        let moved = tokio::select! {
            moved = bench.order(&[7], "s2") => moved,
            never = notices => never,
        };

        match moved {
            // It waits for two seconds, and a busy machine may take longer than that to notice.
            Err(refused) if refused.contains("another move or migration is running") => {}
            moved => {
                moved.unwrap();
                return;
            }
        }
    }
    panic!("the lock was never waited for");
}

/// A fence that a killed move left, for so long from now.
async fn fence(source: &mut PgConnection, bucket: i16, life: Duration) {
    let fence = "update sharding.buckets set state = 'fenced', move_id = gen_random_uuid(), deadline = now() + $2 where bucket = $1";
    sqlx::query(fence).bind(bucket).bind(life).execute(source).await.unwrap();
}

#[tokio::test]
async fn an_expired_fence_is_taken_away_by_whoever_meets_it() {
    let bench = Bench::new().await;
    let mut source = bench.cluster.primary(0).await;
    let fenced = "select exists (select from sharding.buckets where state = 'fenced')";
    let mut id = 0;
    // A busy machine may be too slow for one try.
    eventually("a writer does not wait for the next round", async || {
        // Until a round of the service has just been: the next one is 2 s away.
        fence(&mut source, 8, Duration::ZERO).await;
        eventually("a round comes", async || !sqlx::query_scalar::<_, bool>(fenced).fetch_one(&mut source).await.unwrap()).await;
        fence(&mut source, 7, Duration::from_millis(800)).await;
        id += 1;

        let written = tokio::time::timeout(Duration::from_millis(1_600), add_note(bench.shards(), bucket(7), id)).await;
        matches!(written, Ok(Ok(_)))
    })
    .await;
}

#[tokio::test]
async fn a_killed_move_turns_no_writer_away() {
    for step in ["fenced", "released"] {
        // On a busy machine healing may take longer than a writer waits.
        eventually_within(Duration::from_mins(2), "no writer is turned away", async || {
            let bench = Bench::new().await;
            let writer = Writer::start(&bench.connected);
            eventually("writes come", async || writer.written.load(Ordering::Relaxed) > 5).await;

            bench.reshard().stopping_at(step).move_buckets(0, 1, &[bucket(7)]).await.expect_err("it was killed");
            let killed = writer.written.load(Ordering::Relaxed);
            eventually("writes go on", async || writer.written.load(Ordering::Relaxed) > killed + 5).await;

            let (acknowledged, refused) = writer.end().await;
            bench.abort().await;
            assert_eq!([bench.rows_on(0).await, bench.rows_on(1).await].concat(), acknowledged, "killed at {step}");
            refused == 0
        })
        .await;
    }
}

#[tokio::test]
async fn a_fence_that_has_not_expired_stays() {
    let bench = Bench::new().await;
    let mut source = bench.cluster.primary(0).await;
    fence(&mut source, 7, Duration::from_mins(1)).await;

    let refused = add_note(bench.shards(), bucket(7), 1).await;

    assert!(matches!(refused, Err(Error::BucketUnavailable)), "{refused:?}");
    let state: String = sqlx::query_scalar("select state from sharding.buckets where bucket = 7").fetch_one(&mut source).await.unwrap();
    assert_eq!(state, "fenced");
}
