use crate::own::{Own, eventually};

pub fn the_sessions_have_a_copy(own: &Own) {
    let role = |name: &str| own.stack.role(&own.stack.node(name).expect("there is such a node"));
    eventually("the replica follows", || role("sessions-replica").as_deref() == Some("replica"));
    let tell = |node: &str, command: &str| own.stack.tell_redis(node, command).expect("it answers");
    assert_eq!((role("sessions").as_deref(), role("cache")), (Some("primary"), None));
    assert!(tell("sessions", "SET kept 1").contains("+OK"));
    eventually("it is copied", || tell("sessions-replica", "GET kept").contains("$1\r\n1"));

    own.stack.kill("sessions").expect("it dies");

    eventually("the replica knows", || role("sessions-replica").as_deref() == Some("replica, not connected"));
    assert!(tell("sessions-replica", "GET kept").contains("$1\r\n1"));
    own.stack.start("sessions").expect("it starts");
    eventually("the replica follows again", || role("sessions-replica").as_deref() == Some("replica"));
    assert!(tell("sessions", "GET kept").contains("$1\r\n1"), "the file has it too");
    tell("sessions", "DEL kept");
}

pub fn a_replica_is_added(own: &mut Own) {
    let node = own.stack.add("s1").expect("a replica is added");
    assert_eq!(node.name, "s1-4");
    let leader = own.leader("s1");
    let follows = || own.sql(&leader, "SELECT count(*) FROM pg_stat_replication WHERE application_name = 's1-4'") == "1";
    eventually("it follows", follows);
    let names = || own.sql(&leader, "SHOW synchronous_standby_names");
    eventually("it may acknowledge writes", || names().starts_with("ANY 1 (") && names().contains("s1-4"));
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
