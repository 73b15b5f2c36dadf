//! Moves of buckets while traffic runs, and what is left when one is killed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use magnitude_kit::{Connected, eventually};
use magnitude_sharding::{
    Error, Freshness,
    reshard::{Admin, Buckets, Move, Order, Reshard, Which, run},
};

use sqlx::PgConnection;

use crate::bench::{Bench, add_note, bucket, notes, run as sql};

impl Bench {
    fn admin(&self) -> Admin {
        let (settings, _) = self.cluster.settings();
        Admin { user: settings.user, password: settings.password }
    }

    fn reshard(&self) -> Reshard {
        Reshard::new(self.shards().clone(), &self.cluster.settings().0, &self.admin())
    }

    /// The command line, refused or not.
    async fn order(&self, buckets: &[u16], to: &str) -> Result<(), String> {
        let (settings, shards) = self.cluster.settings();
        let buckets = buckets.iter().map(|number| bucket(*number)).collect();
        let which = Which { spread: false, buckets: Some(Buckets(buckets)), to: Some(to.to_owned()) };
        let order = Order::Move(Move { which, batch: 64, dry_run: false });
        run(&settings, &self.admin(), &shards, order, async |_| Ok(None)).await.map_err(|error| format!("{error:#}"))
    }

    /// Notes of bucket 7 that a shard holds, whoever owns them.
    async fn rows_on(&self, shard: usize) -> Vec<i64> {
        let ids = sqlx::query_scalar("select id from notes where bucket = 7 order by id");
        ids.fetch_all(&mut self.cluster.primary(shard).await).await.unwrap()
    }

    async fn abort(&self) {
        let (settings, shards) = self.cluster.settings();
        run(&settings, &self.admin(), &shards, Order::Abort, async |_| Ok(None)).await.unwrap();
    }

    /// What the two sides of the only move remember.
    async fn steps(&self) -> [String; 2] {
        let step = async |shard| {
            let steps = sqlx::query_scalar("select step from sharding.moves");
            steps.fetch_one(&mut self.cluster.primary(shard).await).await.unwrap()
        };
        [step(0).await, step(1).await]
    }

    /// Publications, subscriptions, slots, markers and fences of moves on any shard.
    async fn leftovers(&self) -> i64 {
        let sql = "select (select count(*) from pg_publication) + (select count(*) from pg_subscription where subdbid = d.oid)
                        + (select count(*) from pg_replication_slots where database = d.datname) + (select count(*) from sharding.markers)
                        + (select count(*) from sharding.buckets where state = 'fenced')
                   from pg_database d where datname = current_database()";
        let mut all = 0;
        for shard in 0..2 {
            all += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.cluster.primary(shard).await).await.unwrap();
        }
        all
    }
}

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

/// Writes to bucket 7 until it is stopped; returns the ids that were acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<Vec<i64>>,
}

impl Writer {
    fn start(connected: &Connected) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let (shards, stopped, count) = (connected.shards.clone(), stop.clone(), written.clone());
        let task = tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for id in 1_000.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                add_note(&shards, bucket(7), id).await.expect("a write waits, but is not refused");
                acknowledged.push(id);
                count.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        });
        Self { stop, written, task }
    }

    async fn end(self) -> Vec<i64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

#[tokio::test]
async fn what_is_written_during_a_move_is_there_once() {
    let bench = Bench::new().await;
    let writer = Writer::start(&bench.connected);
    eventually("writes come", async || writer.written.load(Ordering::Relaxed) > 5).await;

    bench.reshard().move_buckets(0, 1, &[bucket(7)]).await.unwrap();
    let moved = writer.written.load(Ordering::Relaxed);
    eventually("writes go on", async || writer.written.load(Ordering::Relaxed) > moved + 5).await;
    let acknowledged = writer.end().await;

    assert_eq!(bench.rows_on(1).await, acknowledged);
    assert!(bench.rows_on(0).await.is_empty());
}

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
async fn a_killed_command_is_waited_for_until_its_lock_goes() {
    let bench = Bench::new().await;
    let mut killed = bench.cluster.primary(0).await;
    // As one whose statement still runs: its server has to look for the client to see that it is gone.
    sql(&mut killed, "select pg_advisory_lock(x'006d696772617465'::bigint)").await;
    let notices = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        sql(&mut killed, "select pg_advisory_unlock_all()").await;
    };

    let buckets = [7];
    let (moved, ()) = tokio::join!(bench.order(&buckets, "s2"), notices);

    moved.unwrap();
}

#[tokio::test]
async fn shards_of_different_schemas_exchange_nothing() {
    let bench = Bench::new().await;
    sql(&mut bench.cluster.primary(1).await, "delete from sharding.migrations_notes").await;

    let refused = bench.order(&[7], "s2").await.unwrap_err();

    assert!(refused.contains("the schema of notes differs between shards s1 and s2"), "{refused}");
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
    // Until a round of the service has just been: the next one is 2 s away.
    fence(&mut source, 8, Duration::ZERO).await;
    eventually("a round comes", async || !sqlx::query_scalar::<_, bool>(fenced).fetch_one(&mut source).await.unwrap()).await;
    fence(&mut source, 7, Duration::from_millis(800)).await;

    let written = tokio::time::timeout(Duration::from_millis(1_600), add_note(bench.shards(), bucket(7), 1)).await;

    written.expect("the writer does not wait for the next round").unwrap();
}

#[tokio::test]
async fn a_killed_move_turns_no_writer_away() {
    for step in ["fenced", "released"] {
        let bench = Bench::new().await;
        let writer = Writer::start(&bench.connected);
        eventually("writes come", async || writer.written.load(Ordering::Relaxed) > 5).await;

        bench.reshard().stopping_at(step).move_buckets(0, 1, &[bucket(7)]).await.expect_err("it was killed");
        let killed = writer.written.load(Ordering::Relaxed);
        eventually("writes go on", async || writer.written.load(Ordering::Relaxed) > killed + 5).await;

        let acknowledged = writer.end().await;
        bench.abort().await;
        assert_eq!([bench.rows_on(0).await, bench.rows_on(1).await].concat(), acknowledged, "killed at {step}");
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

#[tokio::test]
async fn a_move_whose_fence_expired_fences_again() {
    let bench = Bench::new().await;
    let (mut late, source) = (bench.cluster.primary(1).await, bench.cluster.pool(0).await);
    let fenced = async || {
        sqlx::query_scalar("select exists (select from sharding.buckets where state = 'fenced')").fetch_one(&source).await.unwrap()
    };
    let expires = async {
        eventually("the move begins", async || {
            sqlx::query_scalar("select exists (select from sharding.moves)").fetch_one(&mut late).await.unwrap()
        })
        .await;
        // The release waits for this record.
        sql(&mut late, "begin; select from sharding.moves for update").await;
        eventually("the bucket is fenced", async || fenced().await).await;
        let behind = add_note(bench.shards(), bucket(7), 1).await.expect("the fence expires before the writer is turned away");
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
        assert_eq!(add_note(bench.shards(), bucket(7), 2).await.unwrap().stamp.shard, bench.shards().names()[0]);
        sql(&mut late, "select pg_advisory_unlock(1)").await;
    };

    let (reshard, buckets) = (bench.reshard(), [bucket(7)]);
    let (moved, ()) = tokio::join!(reshard.move_buckets(0, 1, &buckets), let_go);

    moved.unwrap();
    assert_eq!((bench.rows_on(0).await, bench.rows_on(1).await), (vec![], vec![1, 2]));
}
