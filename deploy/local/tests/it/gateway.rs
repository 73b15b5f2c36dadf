//! Envoy before an instance of articles that this test plays.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::own::{Own, eventually, http, http_with};

const KEY: &str = "idempotency-key: 1\r\n";

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

/// Its key makes it known, so that it is not done twice.
pub fn a_write_with_a_key_is_sent_to_another_instance(own: &Own) {
    let (dying, well) = (Instance::start(), Instance::start_with(Some("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")));
    write_endpoints(own, &[dying.address, well.address]);
    for instance in [&dying, &well] {
        eventually("Envoy finds the instance well", || clusters(own).contains(&format!("::{}::health_flags::healthy", instance.address)));
    }

    for path in ["/api/articles", "/api/articles/a/favorite", "/api/articles/a/comments"] {
        let before = dying.served.load(Ordering::SeqCst);
        // Which one is asked first is chance.
        eventually("the dying one is asked first", || {
            let answer = http_with(&own.gateway(), "POST", path, KEY);
            assert!(answer.starts_with("HTTP/1.1 201"), "{path}: {answer}");
            dying.served.load(Ordering::SeqCst) > before
        });
    }

    assert!(well.heads.lock().expect("nobody panicked").contains(&"x-envoy-attempt-count: 2".to_owned()), "it is told");
    assert!(dying.heads.lock().expect("nobody panicked").contains(&"x-envoy-attempt-count: 1".to_owned()));
}

pub fn a_write_with_a_key_that_nobody_answers_is_unknown(own: &Own) {
    let hangs_up = Instance::start();
    route(own, hangs_up.address);
    let answer = http_with(&own.gateway(), "POST", "/api/articles", KEY);
    assert_eq!(hangs_up.served.load(Ordering::SeqCst), 3, "it was sent again");
    assert!(answer.starts_with("HTTP/1.1 504") && answer.ends_with(r#"{"errors":{"server":["outcome unknown"]}}"#), "{answer}");

    // The second time there is nobody to send it to, which says nothing of the first.
    let last = Instance::start_last();
    route(own, last.address);
    let answer = http_with(&own.gateway(), "POST", "/api/articles", KEY);
    assert_eq!(last.served.load(Ordering::SeqCst), 1);
    assert!(answer.starts_with("HTTP/1.1 504") && answer.ends_with(r#"{"errors":{"server":["outcome unknown"]}}"#), "{answer}");
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
#[derive(Clone)]
pub struct Instance {
    pub address: SocketAddr,
    served: Arc<AtomicUsize>,
    /// The lines of the requests' heads, in lower case.
    pub heads: Arc<Mutex<Vec<String>>>,
    answer: Option<&'static str>,
    /// Nobody listens any more by the time that it hangs up.
    last: bool,
}

impl Instance {
    fn start() -> Self {
        Self::listen(None, false)
    }

    pub fn start_with(answer: Option<&'static str>) -> Self {
        Self::listen(answer, false)
    }

    fn start_last() -> Self {
        Self::listen(None, true)
    }

    fn listen(answer: Option<&'static str>, last: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("is bound");
        let instance = Self { address, served: Arc::default(), heads: Arc::default(), answer, last };
        let accepting = instance.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        instance
    }

    fn accept(&self, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.last && self.served.load(Ordering::SeqCst) > 0 {
                return;
            }
            let serving = self.clone();
            std::thread::spawn(move || serving.serve(client));
        }
    }

    fn serve(&self, mut client: TcpStream) {
        let Ok(reading) = client.try_clone() else { return };
        let mut lines = BufReader::new(reading).lines().map_while(Result::ok);
        while let Some(request) = lines.next() {
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
            self.heads.lock().expect("nobody panicked").extend(head);
            let asks_for_health = request.starts_with("GET /health/");
            if !asks_for_health {
                self.served.fetch_add(1, Ordering::SeqCst);
            }
            let well = asks_for_health.then_some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            let Some(answer) = well.or(self.answer) else { return self.hang_up() };
            if client.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    /// The first connection after the last request wakes who accepts, and that one closes the port.
    fn hang_up(&self) {
        if self.last {
            eventually("nobody listens", || TcpStream::connect(self.address).is_err());
        }
    }
}
