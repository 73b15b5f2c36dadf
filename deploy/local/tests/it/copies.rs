use crate::own::Own;

pub fn a_replica_is_added(own: &mut Own) {
    let node = own.stack.add("s1").expect("a replica is added");
    assert_eq!(node.name, "s1-4");
    let leader = own.leader("s1");
    assert_eq!(own.sql(&leader, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 's1-4'"), "1");
    let names = own.sql(&leader, "SHOW synchronous_standby_names");
    assert!(names.starts_with("ANY 1 (") && names.contains("s1-4"), "it may acknowledge writes: {names}");
}

pub fn a_replica_that_is_too_far_behind_is_copied_anew(own: &Own) {
    own.stack.stop("s1-4").expect("it stops");
    let leader = own.leader("s1");
    own.sql(&leader, "CREATE TABLE kept (what text); INSERT INTO kept VALUES ('yes')");
    own.sql(&leader, "ALTER SYSTEM SET wal_keep_size = 0");
    own.sql(&leader, "SELECT pg_reload_conf()");
    for _ in 0..3 {
        own.sql(&leader, "SELECT pg_logical_emit_message(false, 'test', 'moves on'); SELECT pg_switch_wal()");
        own.sql(&leader, "CHECKPOINT");
    }

    own.stack.start("s1-4").expect("it is copied anew");

    let log = std::fs::read_to_string(own.stack.log("s1-4")).expect("it has a log");
    assert!(log.contains("has already been removed"), "the test must have deleted what the replica needs");
    assert_eq!(own.sql("s1-4", "SELECT what FROM kept"), "yes");
    own.sql(&leader, "ALTER SYSTEM RESET wal_keep_size");
    own.sql(&leader, "SELECT pg_reload_conf()");
}
