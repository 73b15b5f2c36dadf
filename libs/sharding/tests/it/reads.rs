use std::collections::HashMap;

use magnitude_kit::eventually;
use magnitude_sharding::{Error, Freshness, Position, ShardFreshness, Shards, Stamp};

use crate::{
    bench::{Bench, add_note, bucket, notes},
    map::move_bucket_7,
};

async fn all_notes(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<i64>, Error> {
    let sql = "select n.id from notes n where (select sharding.covers($1)) and n.bucket in (select bucket from sharding.held)";
    let rows: Vec<(i64,)> = shards.fetch_from_all(freshness, sql, |q| q).await?;
    let mut ids: Vec<_> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

#[tokio::test]
async fn a_stamped_read_sees_the_write_whoever_answers() {
    let bench = Bench::new().await;
    for id in 0..50 {
        let committed = add_note(bench.shards(), bucket(7), id).await.unwrap();

        let found = notes(bench.shards(), bucket(7), Freshness::AtLeast(committed.stamp)).await.unwrap();

        assert_eq!(found.len(), usize::try_from(id).unwrap() + 1);
    }
}

/// The address of the node that answers for bucket 7.
async fn answered_by(shards: &Shards, freshness: Freshness) -> String {
    let sql = "select host(inet_server_addr()) where (select sharding.owns($1, $2))";
    let (address,): (String,) = shards.fetch_optional(bucket(7), freshness, sql, |q| q).await.unwrap().expect("a row");
    address
}

/// The addresses of the first shard's nodes, the primary first.
fn addresses(bench: &Bench) -> Vec<String> {
    let (_, shards) = bench.cluster.settings();
    let host = |node: &String| node.rsplit_once(':').expect("host:port").0.to_owned();
    shards[0].nodes.iter().map(host).collect()
}

#[tokio::test]
async fn a_replica_that_has_replayed_answers() {
    let bench = Bench::new().await;
    let replicas = &addresses(&bench)[1..];
    let stamp = add_note(bench.shards(), bucket(7), 1).await.unwrap().stamp;

    eventually("a replica answers", async || {
        let address = answered_by(bench.shards(), Freshness::AtLeast(stamp.clone())).await;
        replicas.contains(&address)
    })
    .await;
}

#[tokio::test]
async fn a_stamp_that_no_replica_has_replayed_leads_to_the_primary() {
    let bench = Bench::new().await;
    let stamp = add_note(bench.shards(), bucket(7), 1).await.unwrap().stamp;
    // From here on replicas do answer, if they may.
    eventually("a replica answers", async || answered_by(bench.shards(), Freshness::AtLeast(stamp.clone())).await != addresses(&bench)[0])
        .await;
    let ahead = Stamp { position: Position { lsn: u64::MAX, ..stamp.position }, ..stamp };

    for freshness in [Freshness::AtLeast(ahead), Freshness::Primary] {
        assert_eq!(answered_by(bench.shards(), freshness).await, addresses(&bench)[0]);
    }
}

#[tokio::test]
async fn a_stamp_of_another_timeline_or_shard_proves_nothing() {
    let bench = Bench::new().await;
    let committed = add_note(bench.shards(), bucket(7), 1).await.unwrap();
    let position = Position { timeline: committed.stamp.position.timeline + 1, lsn: 0 };
    let lost_history = Stamp { shard: committed.stamp.shard.clone(), position };
    let elsewhere = Stamp { shard: "s2".into(), position: Position { lsn: 0, ..committed.stamp.position } };

    for stamp in [lost_history, elsewhere] {
        assert_eq!(notes(bench.shards(), bucket(7), Freshness::AtLeast(stamp)).await.unwrap(), [1]);
    }
}

#[tokio::test]
async fn a_read_over_all_shards_sees_every_bucket_once() {
    let bench = Bench::new().await;
    for (id, number) in [(1, 0), (2, 7), (3, 2048), (4, 4095)] {
        add_note(bench.shards(), bucket(number), id).await.unwrap();
    }

    assert_eq!(all_notes(bench.shards(), &HashMap::new()).await.unwrap(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_read_with_an_old_map_is_repeated_with_a_new_one() {
    let bench = Bench::new().await;
    // Its copy at the first shard stays until it is deleted: it must not show twice, nor the old one alone.
    add_note(bench.shards(), bucket(7), 1).await.unwrap();
    move_bucket_7(&bench).await;

    assert!(notes(bench.shards(), bucket(7), Freshness::Primary).await.unwrap().is_empty(), "the old shard answered");
    let frozen = bench.cluster.connect().await;
    add_note(&frozen.shards, bucket(7), 1).await.unwrap();
    assert_eq!(all_notes(bench.shards(), &HashMap::new()).await.unwrap(), [1]);
}
