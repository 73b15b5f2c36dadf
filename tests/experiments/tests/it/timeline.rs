use std::time::Duration;

use magnitude_database::{Cluster, Node, Role, State};
use magnitude_experiments::probe;
use magnitude_kit::eventually_within;
use magnitude_stack::Stack as Runner;

use crate::stage::{Stage, runner};

/// A switchover, and a stream that is given up after 5 s.
const PATIENCE: Duration = Duration::from_mins(2);

/// The log ended on the shard's last timeline, and no checkpoint has been made since. Of two such standbys the one that has received most is
/// to be read.
#[tokio::test]
async fn a_standby_without_a_stream_tells_the_timeline_of_its_log() {
    let stage = Stage::enter().await;
    let shard = stage.databases.shards().pop().expect("there are shards");
    let settings = probe::settings(&stage.databases, "articles").expect("they are right");
    let addresses = stage.databases.nodes(stage.databases.shards().len() - 1);
    let cluster = Cluster::new(&shard, &settings, &addresses).expect("they are addresses");
    let _watch = tokio::spawn(cluster.clone().watch());
    runner(&shard, Runner::switchover).await;
    let primary = async || cluster.nodes().iter().find_map(|node| told(node, Role::Primary)).map(|state| state.position.timeline);
    let standbys = async || cluster.nodes().iter().filter_map(|node| told(node, Role::Replica)).collect::<Vec<_>>();
    let follow = async || {
        let timeline = primary().await;
        standbys().await.iter().filter(|state| Some(state.position.timeline) == timeline).count() == 2
    };
    eventually_within(PATIENCE, "both standbys follow the new primary", async || follow().await).await;
    let timeline = primary().await.expect("one leads");

    let leader = runner(&shard, |stack, shard| Ok(stack.leader(shard)?.name)).await;
    let frozen = leader.clone();
    runner(&shard, move |stack, _| stack.pause(&frozen)).await;
    eventually_within(PATIENCE, "the standbys lose their stream", async || streams(&stage, &addresses, &leader).await == 0).await;
    let mut told_without = Vec::new();
    eventually_within(PATIENCE, "both standbys tell of themselves", async || {
        told_without = standbys().await.iter().map(|state| state.position.timeline).collect();
        told_without.len() == 2
    })
    .await;
    runner(&shard, move |stack, _| stack.resume(&leader)).await;
    runner(&shard, |stack, _| stack.wait_ready()).await;

    assert_eq!(told_without, [timeline; 2]);
}

fn told(node: &Node, role: Role) -> Option<State> {
    node.state().filter(|state| state.role == role)
}

/// How many standbys receive a stream.
async fn streams(stage: &Stage, addresses: &[String], leader: &str) -> i64 {
    let leader = leader.to_owned();
    let leader = runner("", move |stack, _| Ok(stack.node(&leader)?.address.to_string())).await;
    let mut streams = 0;
    for address in addresses.iter().filter(|address| **address != leader) {
        let mut standby = stage.databases.node(address, "postgres").await.expect("it answers");
        let sql = "select count(*) from pg_stat_wal_receiver where status = 'streaming'";
        streams += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut standby).await.expect("it is a view");
    }
    streams
}
