use magnitude_experiments::{check, reshard};
use magnitude_stack::Stack as Runner;

use crate::stage::{Stage, folder, runner};

/// What a small disk has more than the data on it.
const SPARE_MIB: u64 = 128;

#[tokio::test]
async fn a_move_to_a_shard_whose_disk_is_full_is_refused() {
    let stage = Stage::enter().await;
    let (bucket, target) = (stage.owners.owned_everywhere(0).swap_remove(0), stage.databases.shards().swap_remove(1));
    let Some(node) = runner(&target, small_leader).await else { return };
    let full = node.clone();
    runner(&target, move |stack, _| stack.fill_disk(&full, 1)).await;

    let order = ["move", "--buckets", &reshard::list(&[bucket]), "--to", &target];
    let command = reshard::start(&folder(), "articles", &order).expect("it starts");
    let (done, said) = reshard::finish(command).await.expect("it ends");
    runner(&target, move |stack, _| stack.large_disk(&node)).await;
    runner(&target, |stack, _| stack.wait_ready()).await;

    assert!(!done && said.contains(&format!("shard {target} has no room for")) && said.contains("its disk is full"), "{said}");
    assert_eq!(check::leftovers(&stage.databases).await.expect("the shards answer"), Vec::<String>::new());
}

/// The name of a leader whose data is on a small disk; none where no disk can be mounted.
fn small_leader(stack: &Runner, shard: &str) -> anyhow::Result<Option<String>> {
    let leader = stack.leader(shard)?;
    let nodes = stack.select(shard)?;
    let node = nodes.into_iter().find(|node| *node != leader).expect("a shard has replicas").name;
    if let Err(error) = stack.small_disk(&node, SPARE_MIB) {
        eprintln!("SKIPPED, no file system can be mounted here: {error:#}");
        return Ok(None);
    }
    stack.switchover_to(&node)?;
    Ok(Some(node))
}
