//! The points of presence behind Envoy. There are no services here: what they answer by themselves is enough.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use magnitude_stack::Kind;

use crate::gateway::{Instance, is_well, right, route, while_well};
use crate::own::{Own, eventually, http};

/// Answered by a point of presence without asking anybody.
const ITS_OWN: &str = "/objects/none";

pub fn a_dead_point_of_presence_is_not_noticed(own: &Own) {
    for point in ["edge-1", "edge-2"] {
        own.stack.kill(point).expect("it dies");
        for _ in 0..50 {
            answered(own);
        }
        own.stack.start(point).expect("it starts");
        eventually("Envoy routes to it again", || routed(own, point));
    }
    own.stack.stop("edge-1").expect("it ends in order");
    answered(own);
    own.stack.restart("edge-2").expect("it is started again");
    answered(own);
    own.stack.start("edge-1").expect("it starts");
}

pub fn a_point_of_presence_is_added_and_removed(own: &mut Own) {
    let added = own.stack.add("edge").expect("it is added");
    assert_eq!((added.name.as_str(), added.kind), ("edge-3", Kind::Edge));
    assert!(http(&added.address.to_string(), "GET", ITS_OWN).starts_with("HTTP/1.1 404"));
    eventually("Envoy routes to it", || routed(own, "edge-3"));

    assert_eq!(own.stack.remove("edge").expect("it goes").name, "edge-3");

    assert!(!routed(own, "edge-3"));
    answered(own);
}

/// Rate limits count by a client's address, not by the one of the point of presence that it came through.
pub fn a_client_comes_from_where_it_came_to_the_edge(own: &Own) {
    let lies = "x-envoy-external-address: 203.0.113.7\r\nx-forwarded-for: 203.0.113.8, 203.0.113.9\r\nx-real-ip: 203.0.113.6\r\n\
                x-sent-before: 317\r\nx-request-id: mine";
    let request = format!("POST /api/articles HTTP/1.1\r\nhost: here\r\n{lies}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let points: Vec<_> =
        own.stack.nodes().into_iter().filter(|node| node.kind == Kind::Edge).map(|node| node.address.ip().to_string()).collect();
    while_well(own, || {
        let instance = Instance::start_with(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        route(own, instance.address);
        let mut client = TcpStream::connect(gateway(own)).expect("it listens");
        client.write_all(request.as_bytes()).expect("is sent");
        let answer = std::io::read_to_string(client).expect("an answer");
        right(answer.starts_with("HTTP/1.1 200"), &answer)?;
        let heads = instance.heads.lock().expect("nobody panicked").clone();
        let told: Vec<_> = heads.iter().filter_map(|line| line.strip_prefix("x-envoy-external-address: ")).collect();
        // Envoy takes whoever comes from this machine itself for the machine's own address.
        let own_word = matches!(told[..], [told] if !lies.contains(told) && !points.contains(&told.to_owned()));
        right(own_word, &format!("{heads:?}"))?;
        // Nor does it say which request that is, and whether it was sent before.
        let its_word = |line: &String| ["x-sent-before: 317", "x-request-id: mine"].contains(&line.as_str());
        right(!heads.iter().any(its_word), &format!("{heads:?}"))
    });
    own.start_all();
}

pub fn points_of_presence_ask_who_they_are_told_to(own: &mut Own) {
    let instance = Instance::start_with(Some("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nit"));
    own.stack.redirect_edge(Some(instance.address)).expect("they are told");
    assert!(http(&gateway(own), "GET", "/status").ends_with("it"));

    own.stack.redirect_edge(None).expect("they ask Envoy again");

    assert!(http(&gateway(own), "GET", "/status").starts_with("HTTP/1.1 503"), "nobody is behind Envoy here");
}

pub fn a_point_of_presence_is_reached_at_its_own_address_only(own: &Own) {
    for point in own.stack.nodes().into_iter().filter(|node| node.kind == Kind::Edge) {
        for port in [point.address.port(), point.operator().port()] {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it does not listen elsewhere");
        }
    }
}

fn gateway(own: &Own) -> String {
    own.stack.edge_url().expect("there is an edge").replace("http://localhost", "127.0.0.1")
}

fn answered(own: &Own) {
    let answer = http(&gateway(own), "GET", ITS_OWN);
    assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with(r#"{"errors":{"path":["not found"]}}"#), "{answer}");
}

fn routed(own: &Own, point: &str) -> bool {
    let Ok(node) = own.stack.node(point) else { return false };
    is_well(own, node.address)
}
