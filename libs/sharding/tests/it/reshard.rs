//! Moves of buckets while traffic runs.

use std::{sync::atomic::Ordering, time::Duration};

use magnitude_kit::{eventually, until};
use magnitude_sharding::{
    Freshness,
    reshard::{Buckets, Move, Order, Which, run},
};

use crate::{
    bench::{Bench, add_note, bucket, notes, run as sql},
    moves::Writer,
};

#[tokio::test]
async fn a_bucket_moves_with_its_rows_and_leaves_nothing_behind() {
    let bench = Bench::new().await;
    for id in 1..=3 {
        add_note(bench.shards(), bucket(7), id).await.unwrap();
        add_note(bench.shards(), bucket(8), id).await.unwrap();
    }

    bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap();

    assert_eq!(bench.rows_on(0).await, [0_i64; 0]);
    assert_eq!(bench.rows_on(1).await, [1, 2, 3]);
    assert_eq!(notes(bench.shards(), bucket(7), Freshness::Primary).await.unwrap(), [1, 2, 3]);
    assert_eq!(notes(bench.shards(), bucket(8), Freshness::Primary).await.unwrap(), [1, 2, 3]);
    let committed = add_note(bench.shards(), bucket(7), 4).await.unwrap();
    assert_eq!(committed.stamp.shard, bench.shards().names()[1]);
    assert_eq!(bench.leftovers().await, 0);
}

#[tokio::test]
async fn a_bucket_can_move_there_and_back() {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(7), 1).await.unwrap();

    bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap();
    add_note(bench.shards(), bucket(7), 2).await.unwrap();
    bench.reshard().move_buckets(1, 0, &[bucket(7)]).await.unwrap();

    assert_eq!(notes(bench.shards(), bucket(7), Freshness::Primary).await.unwrap(), [1, 2]);
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![1, 2], vec![]));
}

#[tokio::test]
async fn what_is_written_during_a_move_is_there_once() {
    let bench = Bench::new().await;
    let writer = Writer::start(&bench.connected);
    eventually("writes come", async || writer.written.load(Ordering::Relaxed) > 5).await;

    bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap();
    let moved = writer.written.load(Ordering::Relaxed);
    eventually("writes go on", async || writer.written.load(Ordering::Relaxed) > moved + 5).await;
    let (acknowledged, _) = writer.end().await;

    assert_eq!(bench.rows_on(1).await, acknowledged);
    assert!(bench.rows_on(0).await.is_empty());
}

#[tokio::test]
async fn what_cannot_go_well_is_refused_before_anything_changes() {
    let bench = Bench::new().await;

    let unknown = bench.order(&[7], "s9").await.unwrap_err();
    sql(&mut bench.cluster.primary(0).await, "delete from sharding.buckets where bucket = 9").await;
    let nobodys = bench.order(&[9], "s2").await.unwrap_err();

    assert!(unknown.contains("there is no shard s9"), "{unknown}");
    assert!(nobodys.contains("bucket 9 has no owner"), "{nobodys}");
}

#[tokio::test]
async fn a_command_moves_what_it_names() {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(7), 1).await.unwrap();

    bench.order(&[7, 9], "s2").await.unwrap();

    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1]));
    assert_eq!(bench.leftovers().await, 0);
}

#[tokio::test]
async fn buckets_that_are_there_already_are_no_error() {
    let bench = Bench::new().await;

    bench.order(&[7, 9], "s2").await.unwrap();
    bench.order(&[7, 8, 9], "s2").await.unwrap();
    bench.order(&[7, 8, 9], "s2").await.unwrap();

    for number in 7..=9 {
        let committed = add_note(bench.shards(), bucket(number), 1).await.unwrap();
        assert_eq!(committed.stamp.shard, bench.shards().names()[1]);
    }
}

#[tokio::test]
async fn two_moves_exclude_each_other() {
    let bench = Bench::new().await;
    // The lock of a migration or another move.
    let mut other = bench.cluster.primary(1).await;
    sql(&mut other, "select pg_advisory_lock(x'006d696772617465'::bigint)").await;

    let refused = bench.order(&[7], "s2").await.unwrap_err();

    assert!(refused.contains("another move or migration is running on shard s2"), "{refused}");
}

#[tokio::test]
async fn shards_of_different_schemas_exchange_nothing() {
    let bench = Bench::new().await;
    sql(&mut bench.cluster.primary(1).await, "delete from sharding.migrations_notes").await;

    let refused = bench.order(&[7], "s2").await.unwrap_err();

    assert!(refused.contains("the schema of notes differs between shards s1 and s2"), "{refused}");
}

#[tokio::test]
async fn a_move_whose_fence_expired_fences_again() {
    let bench = Bench::new().await;
    let (mut late, source) = (bench.cluster.primary(1).await, bench.cluster.pool(0).await);
    let fenced = async || {
        sqlx::query_scalar("select exists (select from sharding.buckets where state = 'fenced')").fetch_one(&source).await.unwrap()
    };
    let expires = async {
        // A lock before would keep slots from beginning, those of other tests too.
        let copied = "select count(*) > 0 and coalesce(bool_and(srsubstate in ('r', 's')), false) from pg_subscription_rel";
        eventually("the copy follows", async || sqlx::query_scalar(copied).fetch_one(&mut late).await.unwrap()).await;
        // The release waits for this record.
        sql(&mut late, "begin; select from sharding.moves for update").await;
        eventually("the bucket is fenced", async || fenced().await).await;
        // On a busy machine a writer may be turned away before the fence expires.
        let behind = until(Duration::from_secs(30), "the fence expires", async || add_note(bench.shards(), bucket(7), 1).await).await;
        sql(&mut late, "rollback").await;
        behind
    };

    let (reshard, buckets) = (bench.reshard(), [bucket(7)]);
    let (moved, behind) = tokio::join!(reshard.move_buckets(0, 1, &buckets), expires);

    moved.unwrap();
    assert_eq!(behind.stamp.shard, bench.shards().names()[0]);
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1]));
    assert_eq!(bench.leftovers().await, 0);
}

#[tokio::test]
async fn a_shard_with_a_silent_node_takes_part_in_no_move() {
    let bench = Bench::new().await;
    let (settings, mut shards) = bench.cluster.settings();
    // Nobody listens there.
    shards[1].nodes.push("127.0.0.1:9".to_owned());
    let which = Which { spread: false, buckets: Some(Buckets(vec![bucket(7)])), to: Some("s2".to_owned()) };
    let order = Order::Move(Move { which, batch: 64, dry_run: false });

    let refused = run(&settings, &bench.admin(), &shards, order, async |_| Ok(None)).await;

    let refused = format!("{:#}", refused.expect_err("a node is silent"));
    assert!(refused.contains("shard s2: 127.0.0.1:9 does not answer"), "{refused}");
}

#[tokio::test]
async fn a_target_that_is_late_gets_nothing_before_it_has_all() {
    let bench = Bench::new().await;
    add_note(bench.shards(), bucket(7), 1).await.unwrap();
    let (mut late, source) = (bench.cluster.primary(1).await, bench.cluster.pool(0).await);
    // Whatever applies a marker there waits for this lock.
    sql(
        &mut late,
        "create function late() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return new; end';
         create trigger late before insert on sharding.markers for each row execute function late();
         alter table sharding.markers enable always trigger late;
         select pg_advisory_lock(1)",
    )
    .await;
    let fenced = async || {
        sqlx::query_scalar("select exists (select from sharding.buckets where state = 'fenced')").fetch_one(&source).await.unwrap()
    };
    let let_go = async {
        eventually("the bucket is fenced", async || fenced().await).await;
        eventually("the writers are let in again", async || !fenced().await).await;
        // The next fence may come before the note.
        let note = until(Duration::from_secs(30), "the note is written", async || add_note(bench.shards(), bucket(7), 2).await).await;
        assert_eq!(note.stamp.shard, bench.shards().names()[0]);
        sql(&mut late, "select pg_advisory_unlock(1)").await;
    };

    let (reshard, buckets) = (bench.reshard(), [bucket(7)]);
    let (moved, ()) = tokio::join!(reshard.move_buckets(0, 1, &buckets), let_go);

    moved.unwrap();
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1, 2]));
}

/// Two moves in opposite directions would wait for each other.
#[tokio::test]
async fn a_copy_that_waits_to_begin_holds_no_transaction_at_its_target() {
    let bench = Bench::new().await;
    let (mut open, source, target) = (bench.cluster.primary(0).await, bench.cluster.pool(0).await, bench.cluster.pool(1).await);
    sql(&mut open, "begin; select pg_current_xact_id()").await;
    let held = async {
        let waits = "select exists (select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                                    and wait_event_type = 'Lock' and query ilike '%create%replication_slot%')";
        eventually("the slot waits", async || sqlx::query_scalar(waits).fetch_one(&source).await.unwrap()).await;
        let held = "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null";
        let held: i64 = sqlx::query_scalar(held).fetch_one(&target).await.unwrap();
        sql(&mut open, "commit").await;
        held
    };

    let (reshard, buckets) = (bench.reshard(), [bucket(7)]);
    let (moved, held) = tokio::join!(reshard.move_buckets(0, 1, &buckets), held);

    moved.unwrap();
    assert_eq!(held, 0);
}

#[tokio::test]
async fn rows_that_did_not_arrive_are_kept_at_the_source() {
    let bench = Bench::new().await;
    for id in 1..=3 {
        add_note(bench.shards(), bucket(7), id).await.unwrap();
    }
    // Changed in the release itself, when the target has everything.
    let tamper = "create function tamper() returns trigger language plpgsql as $$ begin
                      update notes set text = 'other' where bucket = 7 and id = 2; return new; end $$;
                  create trigger tamper after update on sharding.moves for each row when (new.step = 'released') execute function tamper();
                  alter table notes disable trigger user";
    sql(&mut bench.cluster.primary(0).await, tamper).await;

    let refused = bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap_err().to_string();

    assert!(refused.contains("1 copies differ from their source, the first in") && refused.contains("kept"), "{refused}");
    assert_eq!(bench.rows_on(0).await, [1, 2, 3]);
    assert_eq!(bench.steps().await[0], "kept");
    let again = bench.order(&[8], "s2").await.unwrap_err();
    assert!(again.contains("differs from what arrived"), "{again}");
    sql(&mut bench.cluster.primary(0).await, "drop trigger tamper on sharding.moves; update sharding.moves set step = 'released'").await;
    bench.abort().await;
    assert_eq!(bench.rows_on(0).await, [0_i64; 0]);
}
