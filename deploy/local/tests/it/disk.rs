use std::{fs, path::Path};

use crate::own::{Own, eventually};

const SPARE_MIB: u64 = 64;

pub fn a_small_disk_that_nobody_took_away_is_healed(own: &Own) {
    let (node, leader) = (standby(own), own.leader("s2"));
    if let Err(error) = own.stack.small_disk(&node, SPARE_MIB) {
        eprintln!("SKIPPED, no file system can be mounted here: {error:#}");
        return;
    }
    assert!(is_small(own, &node));
    own.sql(&leader, "CREATE TABLE grown ()");
    own.stack.fill_disk(&node, 1).expect("it is filled");

    own.stack.large_disk(&node).expect("it is healed");

    assert!(!is_small(own, &node));
    eventually("it has what was written", || own.sql(&node, "SELECT to_regclass('grown') IS NOT NULL") == "t");
}

/// As a crash leaves it before the copy is whole: all is aside, and in its place is some of it.
pub fn a_move_of_data_that_did_not_end_is_healed(own: &Own) {
    let node = standby(own);
    own.stack.stop(&node).expect("it stops");
    let beside = |name: &str| own.folder.join("data").join(name);
    let (data, whole, part) = (beside(&node), beside(&format!("{node}.whole")), beside(&format!("{node}.part")));
    fs::write(data.join("kept"), "a file").expect("it is written");
    fs::rename(&data, &whole).expect("it is renamed");
    for folder in [&data, &part] {
        fs::create_dir(folder).expect("it is made");
        fs::write(folder.join("half"), "a file").expect("it is written");
    }

    own.stack.large_disk(&node).expect("it is healed");

    assert!(!whole.exists() && !part.exists() && !data.join("half").exists());
    assert!(data.join("kept").exists());
}

fn standby(own: &Own) -> String {
    let leader = own.leader("s2");
    let nodes = own.stack.select("s2").expect("there is a shard");
    nodes.into_iter().map(|node| node.name).find(|name| *name != leader).expect("it has standbys")
}

fn is_small(own: &Own, node: &str) -> bool {
    let mounts = fs::read_to_string("/proc/mounts").expect("there is /proc");
    let place = own.folder.join("data").join(node).canonicalize().expect("it has data");
    mounts.lines().any(|line| line.split(' ').nth(1).is_some_and(|mounted| Path::new(mounted) == place))
}
