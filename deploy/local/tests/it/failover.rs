use crate::own::{Own, eventually};

pub fn another_node_leads_when_a_server_dies(own: &Own) {
    let before = own.leader("s2");
    own.sql(&before, "CREATE TABLE survives (what text); INSERT INTO survives VALUES ('yes')");

    own.stack.kill_server(&before).expect("it dies");

    eventually("another node leads", || own.stack.leader("s2").is_ok_and(|leader| leader.name != before));
    assert_eq!(own.sql(&own.leader("s2"), "SELECT what FROM survives"), "yes");
    own.wait_ready(&before);
    assert_eq!(own.sql(&before, "SELECT pg_is_in_recovery()"), "t");
}

pub fn a_shard_is_handed_over(own: &Own) {
    let before = own.leader("s2");
    own.stack.switchover("s2").expect("it is handed over");
    assert_ne!(own.leader("s2"), before);
    own.wait_ready(&before);
}

/// Also what the node itself opens is dropped, which leaves from another address.
pub fn a_cut_node_reaches_nobody(own: &Own) {
    if let Some(why) = magnitude_stack::cuts_unusable() {
        eprintln!("SKIPPED, no node can be cut off here: {why}");
        return;
    }
    let leader = own.leader("s2");
    let replica = ["s2-1", "s2-2", "s2-3"].into_iter().find(|node| *node != leader).expect("there are three");
    own.stack.cut(replica).expect("it is cut off");
    let streams = format!("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = '{replica}')");
    eventually("its stream ends", || own.sql(&leader, &streams) == "f");

    own.stack.restore(replica).expect("it is restored");

    own.wait_ready(replica);
}

pub fn a_shard_is_added(own: &mut Own) {
    let name = own.stack.add_shard(&|step| println!("{step}")).expect("a shard is added");
    assert_eq!(name, "s3");
    assert_eq!(own.description()["postgres"][2]["nodes"].as_array().map(Vec::len), Some(3));
    eventually("both replicas follow", || own.sql(&own.leader("s3"), "SELECT count(*) FROM pg_stat_replication") == "2");
    let services = own.sql(&own.leader("s3"), "SELECT count(*) FROM pg_database WHERE datname = 'accounts'");
    assert_eq!(services, "1", "it has the services' databases");
}
