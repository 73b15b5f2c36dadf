//! Envoy before an instance of articles that this test plays.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::own::{Own, eventually, http};

pub fn a_write_whose_instance_went_away_is_unknown(own: &Own) {
    let instance = Instance::start();
    route(own, instance.address);

    for method in ["POST", "PUT", "DELETE"] {
        let before = instance.served.load(Ordering::SeqCst);
        let answer = http(&own.gateway(), method, "/api/articles");
        assert!(answer.starts_with("HTTP/1.1 504"), "{method}: {answer}");
        assert!(answer.ends_with(r#"{"errors":{"server":["outcome unknown"]}}"#), "{method}: {answer}");
        assert_eq!(instance.served.load(Ordering::SeqCst) - before, 1, "{method} must not be sent twice");
    }
    let answer = http(&own.gateway(), "GET", "/api/articles");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
}

pub fn a_read_that_nobody_answers_can_be_tried_again(own: &Own) {
    let silent = Instance::start_with(Some(""));
    route(own, silent.address);

    let answer = http(&own.gateway(), "GET", "/api/articles");

    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.ends_with(r#"{"errors":{"server":["is unavailable, try again"]}}"#), "{answer}");
    assert_eq!(silent.served.load(Ordering::SeqCst), 3, "it was asked again");
}

pub fn an_instance_that_answers_with_errors_is_not_taken_out(own: &Own) {
    let refuses = Some("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let (one, two) = (Instance::start_with(refuses), Instance::start_with(refuses));
    write_endpoints(own, &[one.address, two.address]);
    for instance in [&one, &two] {
        eventually("Envoy finds the instance well", || clusters(own).contains(&format!("::{}::health_flags::healthy", instance.address)));
    }

    for _ in 0..40 {
        http(&own.gateway(), "POST", "/api/articles");
    }

    for instance in [one, two] {
        assert!(instance.served.load(Ordering::SeqCst) > 0, "both were asked");
        assert!(clusters(own).contains(&format!("::{}::health_flags::healthy", instance.address)), "it is only the messenger");
    }
}

pub fn a_write_that_was_never_sent_can_be_tried_again(own: &Own) {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("is bound");
    write_endpoints(own, &[closed]);
    eventually("Envoy knows the instance", || clusters(own).contains(&format!("::{closed}::")));

    let answer = http(&own.gateway(), "POST", "/api/articles");

    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.ends_with(r#"{"errors":{"server":["is unavailable, try again"]}}"#), "{answer}");
    own.start_all();
}

/// Rate limits believe what Envoy says of a client's address.
pub fn a_client_cannot_say_where_it_comes_from(own: &Own) {
    let instance = Instance::start_with(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    route(own, instance.address);
    let mut client = TcpStream::connect(own.gateway()).expect("it listens");
    let lies = "x-envoy-external-address: 192.0.2.7\r\nX-Envoy-External-Address: 192.0.2.8\r\nx-forwarded-for: 192.0.2.9, 10.0.0.1\r\n\
                x-real-ip: 192.0.2.10\r\nx-envoy-internal: true";
    let request = format!("POST /api/articles HTTP/1.1\r\nhost: here\r\n{lies}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).expect("is sent");
    let answer = BufReader::new(client).lines().next().expect("an answer").expect("it is text");

    assert_eq!(answer, "HTTP/1.1 200 OK");
    let heads = instance.heads.lock().expect("nobody panicked").clone();
    let told: Vec<_> = heads.iter().filter(|line| line.starts_with("x-envoy-external-address:")).collect();
    assert_eq!(told, ["x-envoy-external-address: 127.0.0.1"], "{heads:?}");
    own.start_all();
}

pub fn route(own: &Own, instance: SocketAddr) {
    write_endpoints(own, &[instance]);
    eventually("Envoy finds the instance well", || clusters(own).contains(&format!("::{instance}::health_flags::healthy")));
}

pub fn clusters(own: &Own) -> String {
    let internal = own.description()["internal_url"].as_str().expect("an address").replace("http://", "");
    http(&internal.replace(":9100", ":9901"), "GET", "/clusters")
}

fn write_endpoints(own: &Own, instances: &[SocketAddr]) {
    let endpoint = |instance: &SocketAddr| {
        let (address, port) = (instance.ip().to_string(), instance.port());
        json!({"endpoint": {
            "address": {"socket_address": {"address": address, "port_value": port}},
            "health_check_config": {"port_value": port},
        }})
    };
    let content = json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "articles",
        "endpoints": [{"lb_endpoints": instances.iter().map(endpoint).collect::<Vec<_>>()}],
    }]});
    let folder = own.folder.join("run/endpoints");
    fs::write(folder.join(".fresh"), content.to_string()).expect("is written");
    fs::rename(folder.join(".fresh"), folder.join("articles.json")).expect("is renamed");
}

/// Says that it is well, and answers everything else with the same (nothing keeps silent), or hangs up after it has read the request.
pub struct Instance {
    pub address: SocketAddr,
    served: Arc<AtomicUsize>,
    /// The lines of the requests' heads, in lower case.
    pub heads: Arc<Mutex<Vec<String>>>,
}

impl Instance {
    fn start() -> Self {
        Self::start_with(None)
    }

    pub fn start_with(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let (address, served) = (listener.local_addr().expect("is bound"), Arc::new(AtomicUsize::new(0)));
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (count, kept) = (served.clone(), heads.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (count, kept) = (count.clone(), kept.clone());
                std::thread::spawn(move || serve(client, &count, &kept, answer));
            }
        });
        Self { address, served, heads }
    }
}

fn serve(mut client: TcpStream, count: &AtomicUsize, heads: &Mutex<Vec<String>>, answer: Option<&str>) {
    let Ok(reading) = client.try_clone() else { return };
    let mut lines = BufReader::new(reading).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
        heads.lock().expect("nobody panicked").extend(head);
        if !request.starts_with("GET /health/") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let well = request.starts_with("GET /health/").then_some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let Some(answer) = well.or(answer) else { return };
        if client.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
