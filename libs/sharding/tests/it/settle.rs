use std::time::{Duration, Instant};

use magnitude_kit::{Connected, Proxy, TestCluster, eventually, until};
use magnitude_sharding::{Begun, Error, Freshness, Settings, ShardSettings, WriteId, check_schema};

use crate::bench::{Bench, add_note, bucket, cluster, insert_note, notes};

/// The first shard behind a line that breaks; the second as it is.
async fn behind_a_line(cluster: &TestCluster, change: impl Fn(&mut Settings)) -> (Proxy, Connected) {
    let (mut settings, mut shards) = cluster.settings();
    let proxy = Proxy::to(&shards[0].nodes[0]).await.unwrap();
    shards[0] = ShardSettings { name: shards[0].name.clone(), nodes: vec![proxy.address()] };
    change(&mut settings);
    let connected = Connected::new(&settings, &shards).await;
    (proxy, connected)
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found() {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |_| {}).await;
    let mut write = connected.shards.write(bucket(7)).await.unwrap();
    insert_note(&mut write, bucket(7), 1).await.unwrap();
    let past_the_line = cluster.pool(0).await;

    line.lose_answers();
    let commit = tokio::spawn(write.commit());
    eventually("the server commits", async || {
        sqlx::query_scalar("select exists (select from notes)").fetch_one(&past_the_line).await.unwrap()
    })
    .await;
    line.heal();

    let committed = commit.await.unwrap().expect("it was committed");
    assert_eq!(notes(&connected.shards, bucket(7), Freshness::AtLeast(committed.stamp)).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_commit_that_never_arrived_never_will() {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |_| {}).await;
    let mut write = connected.shards.write(bucket(7)).await.unwrap();
    insert_note(&mut write, bucket(7), 1).await.unwrap();
    let id = write.write_id();

    line.cut().await;
    line.heal();
    let outcome = write.commit().await;

    assert!(matches!(outcome, Err(Error::Unavailable)), "{outcome:?}");
    assert!(notes(&connected.shards, bucket(7), Freshness::Primary).await.unwrap().is_empty());
    let barred: bool = sqlx::query_scalar("select exists (select from sharding.writes where write_id = $1)")
        .bind(id)
        .fetch_one(&mut cluster.primary(0).await)
        .await
        .unwrap();
    assert!(barred, "a late commit could still come through");
}

#[tokio::test]
async fn a_commit_that_hangs_is_settled_once_a_primary_answers() {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |settings| settings.write_deadline_ms = 60_000).await;
    let mut write = connected.shards.write(bucket(7)).await.unwrap();
    insert_note(&mut write, bucket(7), 1).await.unwrap();

    line.freeze();
    let began = Instant::now();
    let commit = tokio::spawn(write.commit());
    eventually("the node is silent", async || connected.shards.nodes("s1")[0].1.is_none()).await;
    // The frozen lines break, as those of a dead node do in the end; new ones pass.
    line.cut().await;
    line.heal();
    let outcome = commit.await.unwrap();

    // Whether COMMIT arrived is decided by the fault; that the row says the same is not.
    let there = notes(&connected.shards, bucket(7), Freshness::Primary).await.unwrap() == [1];
    assert_eq!(outcome.is_ok(), there, "{outcome:?}");
    assert!(!matches!(outcome, Err(Error::Unknown)), "it was not settled");
    assert!(began.elapsed() < Duration::from_secs(50), "it waited for the whole write deadline");
}

#[tokio::test]
async fn a_read_on_a_node_that_froze_goes_to_another() {
    let cluster = cluster().await;
    let (settings, mut shards) = cluster.settings();
    // The primary behind a line; its replicas as they are.
    let line = Proxy::to(&shards[0].nodes[0]).await.unwrap();
    shards[0].nodes[0] = line.address();
    let connected = Connected::new(&settings, &shards).await;
    add_note(&connected.shards, bucket(7), 1).await.unwrap();

    line.freeze();
    // On a busy machine the frozen one may be noticed later than a read waits.
    let read = until(Duration::from_secs(30), "it is read", async || notes(&connected.shards, bucket(7), Freshness::Primary).await).await;

    assert_eq!(read, [1], "the standby that received most has it");
}

#[tokio::test]
async fn what_cannot_be_settled_in_time_is_unknown() {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |settings| settings.write_deadline_ms = 500).await;
    let mut write = connected.shards.write(bucket(7)).await.unwrap();
    insert_note(&mut write, bucket(7), 1).await.unwrap();

    line.cut().await;
    let outcome = write.commit().await;

    assert!(matches!(outcome, Err(Error::Unknown)), "{outcome:?}");
}

#[tokio::test]
async fn a_settlement_is_not_taken_for_the_commit_that_it_bars() {
    let bench = Bench::new().await;
    let id = WriteId::random();

    let settled = [bench.shards().was_committed(bucket(7), id.id()).await, bench.shards().was_committed(bucket(7), id.id()).await];

    assert_eq!(settled.map(Result::unwrap), [false, false]);
    let late = bench.shards().begin(bucket(7), &WriteId::with_id(id.id())).await;
    assert!(matches!(late, Err(Error::GivenUp)));
}

#[tokio::test]
async fn a_client_may_try_again_what_was_settled_as_never_to_come() {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |_| {}).await;
    let key = WriteId::from_key("ann", "POST /notes", "1", b"milk");
    let Begun::New(mut write) = connected.shards.begin(bucket(7), &key).await.unwrap() else { panic!("it is new") };
    insert_note(&mut write, bucket(7), 1).await.unwrap();
    line.cut().await;
    line.heal();
    assert!(matches!(write.commit().await, Err(Error::Unavailable)));

    let Begun::New(mut again) = connected.shards.begin(bucket(7), &key).await.unwrap() else { panic!("it never came") };
    insert_note(&mut again, bucket(7), 1).await.unwrap();
    again.commit().await.unwrap();

    assert_eq!(notes(&connected.shards, bucket(7), Freshness::Primary).await.unwrap(), [1]);
}

#[tokio::test]
async fn the_schema_of_a_shard_that_fails_over_is_waited_for() {
    the_schema_is_looked_at_when_the_shard_is_back(Proxy::lose_answers).await;
}

#[tokio::test]
async fn the_schema_of_a_shard_that_went_without_a_word_is_asked_for_again() {
    the_schema_is_looked_at_when_the_shard_is_back(Proxy::strand).await;
}

async fn the_schema_is_looked_at_when_the_shard_is_back(go: impl Fn(&Proxy)) {
    let cluster = cluster().await;
    let (line, connected) = behind_a_line(&cluster, |settings| settings.statement_timeout_ms = 1_000).await;
    go(&line);

    let heal = async {
        let read = async || notes(&connected.shards, bucket(7), Freshness::Primary).await;
        eventually("the shard does not answer", async || read().await.is_err()).await;
        line.heal();
    };
    // Far longer than a shard that answers takes, and shorter than a lost line stays open.
    let check = tokio::time::timeout(Duration::from_secs(30), check_schema(&connected.shards, &[]));
    let (checked, ()) = tokio::join!(check, heal);

    checked.expect("a lost answer is not waited for").unwrap();
}
