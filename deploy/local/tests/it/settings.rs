use std::net::TcpListener;

use magnitude_stack::{Options, Stack};

use crate::own::{Own, eventually, http};

pub fn another_delay_reaches_running_replicas(own: &mut Own) {
    let before = own.pids();

    own.change(&Options { replica_delay_ms: Some(500), ..Options::default() });

    let leader = own.leader("s1");
    for node in ["s1-1", "s1-2", "s1-3"].into_iter().filter(|node| *node != leader) {
        eventually("the replica applies late", || own.sql(node, "SHOW recovery_min_apply_delay") == "500ms");
    }
    assert_eq!(own.sql(&leader, "SHOW recovery_min_apply_delay"), "0");
    assert_eq!(own.pids(), before, "reading the settings again is enough");
}

pub fn another_port_reaches_a_running_envoy(own: &mut Own) {
    let (before, port) = (own.pids(), free());

    own.change(&Options { port: Some(port), ..Options::default() });

    assert_eq!(own.gateway(), format!("127.0.0.1:{port}"));
    assert!(http(&own.gateway(), "GET", "/api/nothing").starts_with("HTTP/1.1 404"));
    let mut after = own.pids();
    assert_ne!(after.insert("envoy".into(), before["envoy"]), Some(before["envoy"]));
    assert_eq!(after, before, "nothing but Envoy is started again");
}

pub fn a_taken_port_is_refused(own: &Own) {
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = stranger.local_addr().expect("is bound").port();
    let error = Stack::create(&own.folder, &Options { port: Some(port), ..Options::default() }).expect_err("it is taken");
    assert!(error.to_string().starts_with(&format!("port {port} is taken")), "{error:#}");
}

fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("is bound").port()
}
