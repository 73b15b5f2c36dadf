//! Envoy before an instance of articles that this test plays.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::own::{Own, eventually, http};

const WRITES: [(&str, &str); 4] =
    [("POST", "/api/articles"), ("PUT", "/api/articles/a"), ("DELETE", "/api/articles/a/favorite"), ("POST", "/api/articles/a/comments")];

/// The other one knows it again, so that it is not done twice.
pub fn a_write_is_sent_to_another_instance(own: &Own) {
    while_well(own, || {
        let (dying, well) = (Instance::start(), Instance::start_with(Some("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")));
        route_to(own, &[&dying, &well]);
        for (method, path) in WRITES {
            let (before, mut asked) = (dying.served(), 0);
            // Which one is asked first is chance.
            while dying.served() == before {
                let answer = http(&own.gateway(), method, path);
                asked += 1;
                right(answer.starts_with("HTTP/1.1 201") && asked < 100, &format!("{method} {path}, time {asked}: {answer}"))?;
            }
        }
        right(dying.told("x-sent-before: ").iter().all(|bytes| bytes == "0"), "the first is not told that it is the first")?;
        right(well.told("x-sent-before: ").iter().any(|bytes| bytes != "0"), "the other is not told that it is not")?;
        let numbers = well.told("x-request-id: ");
        let first = dying.told("x-request-id: ");
        right(
            first.len() == WRITES.len() && first.iter().all(|number| numbers.contains(number)),
            "it comes to the other under another number",
        )
    });
}

pub fn a_write_that_nobody_answers_is_unknown(own: &Own) {
    let sent = |instance: &Instance, method: &str, path: &str, times: usize| {
        route(own, instance.address);
        let before = instance.served();
        let answer = http(&own.gateway(), method, path);
        let served = instance.served() - before;
        right(is_unknown(&answer) && served == times, &format!("{method} was sent {served} times, not {times}: {answer}"))
    };
    while_well(own, || {
        let instance = Instance::start();
        WRITES.iter().try_for_each(|(method, path)| sent(&instance, method, path, 3))
    });
    // The second time there is nobody to send it to, which says nothing of the first.
    while_well(own, || sent(&Instance::start_last(), "PUT", "/api/articles/a", 1));
}

pub fn a_write_whose_instance_was_the_only_one_is_unknown(own: &Own) {
    while_well(own, || {
        let (only, gateway) = (Instance::start(), own.gateway());
        only.holds.store(true, Ordering::SeqCst);
        route(own, only.address);
        let asking = std::thread::spawn(move || http(&gateway, "POST", "/api/articles"));
        eventually("it is sent", || only.served() == 1);
        write_endpoints(own, &[]);
        eventually("Envoy knows of nobody", || !clusters(own).contains(&format!("::{}::", only.address)));
        only.holds.store(false, Ordering::SeqCst);
        let answer = asking.join().expect("it was asked");
        right(is_unknown(&answer), &answer)?;
        // What comes now was never sent.
        let answer = http(&own.gateway(), "POST", "/api/articles");
        right(is_unavailable(&answer), &answer)
    });
}

pub fn a_read_that_nobody_answers_can_be_tried_again(own: &Own) {
    while_well(own, || {
        let silent = Instance::start_with(Some(""));
        route(own, silent.address);
        let answer = http(&own.gateway(), "GET", "/api/articles");
        let served = silent.served();
        right(is_unavailable(&answer) && served == 3, &format!("it was asked {served} times: {answer}"))
    });
}

pub fn an_instance_that_answers_with_errors_is_not_taken_out(own: &Own) {
    while_well(own, || {
        let refuses = Some("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        let both = [Instance::start_with(refuses), Instance::start_with(refuses)];
        route_to(own, &both.each_ref());
        for _ in 0..40 {
            http(&own.gateway(), "POST", "/api/articles");
        }
        for instance in &both {
            right(instance.served() > 0, "both are asked")?;
            right(is_well(own, instance.address), "it is only the messenger")?;
        }
        Ok(())
    });
}

pub fn a_write_that_was_never_sent_can_be_tried_again(own: &Own) {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("is bound");
    write_endpoints(own, &[closed]);
    eventually("Envoy knows the instance", || clusters(own).contains(&format!("::{closed}::")));

    let answer = http(&own.gateway(), "POST", "/api/articles");

    assert!(is_unavailable(&answer), "{answer}");
    own.start_all();
}

/// Rate limits believe what Envoy says of a client's address, and a write is known again by what it says of the request. Clients say it here
/// alone and with words that make a client look as if it came from elsewhere.
pub fn a_client_cannot_say_what_envoy_does(own: &Own) {
    let lies = "x-envoy-external-address: 192.0.2.7\r\nX-Envoy-External-Address: 192.0.2.8\r\nx-envoy-internal: true\r\n\
                x-sent-before: 317\r\nx-request-id: mine\r\nx-envoy-max-retries: 0\r\n";
    let elsewhere = "x-forwarded-for: 192.0.2.9, 10.0.0.1\r\nx-real-ip: 192.0.2.10\r\n";
    for lies in [lies.to_owned(), format!("{lies}{elsewhere}")] {
        let request = format!("POST /api/articles HTTP/1.1\r\nhost: here\r\n{lies}content-length: 0\r\nconnection: close\r\n\r\n");
        while_well(own, || {
            let instance = Instance::start_with(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
            route(own, instance.address);
            let mut client = TcpStream::connect(own.gateway()).expect("it listens");
            client.write_all(request.as_bytes()).expect("is sent");
            let answer = BufReader::new(client).lines().next().expect("an answer").expect("it is text");
            right(answer == "HTTP/1.1 200 OK", &answer)?;
            let heads = instance.heads.lock().expect("nobody panicked").clone();
            let told = |words: &str| heads.iter().filter_map(|line| line.strip_prefix(words)).map(ToOwned::to_owned).collect::<Vec<_>>();
            right(told("x-envoy-external-address: ") == ["127.0.0.1"], &format!("{heads:?}"))?;
            right(told("x-sent-before: ") == ["0"], &format!("{heads:?}"))?;
            let numbers = told("x-request-id: ");
            right(!numbers.is_empty() && !numbers.contains(&"mine".to_owned()), &format!("{heads:?}"))?;
            right(told("x-envoy-max-retries: ").is_empty(), &format!("{heads:?}"))
        });
    }
    own.start_all();
}

/// Tries what needs instances of its own, and tries again if it went wrong and Envoy found an instance ill meanwhile: a test that is kept
/// from running does not answer Envoy's checks, and says nothing then.
pub fn while_well(own: &Own, attempt: impl Fn() -> Result<(), String>) {
    for _ in 0..20 {
        let failed = failed_checks(own);
        let Err(wrong) = attempt() else { return };
        assert!(failed_checks(own) > failed, "{wrong}");
    }
    panic!("in twenty attempts Envoy never found all instances well");
}

/// What an attempt ends with.
pub fn right(right: bool, wrong: &str) -> Result<(), String> {
    if right { Ok(()) } else { Err(wrong.to_owned()) }
}

fn is_unknown(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 504") && answer.ends_with(r#"{"errors":{"server":["outcome unknown"]}}"#)
}

fn is_unavailable(answer: &str) -> bool {
    let says = r#"{"errors":{"server":["is unavailable, try again"]}}"#;
    answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1") && answer.ends_with(says)
}

pub fn route(own: &Own, instance: SocketAddr) {
    write_endpoints(own, &[instance]);
    eventually("Envoy finds the instance well", || is_well(own, instance));
}

fn route_to(own: &Own, instances: &[&Instance]) {
    write_endpoints(own, &instances.iter().map(|instance| instance.address).collect::<Vec<_>>());
    for instance in instances {
        eventually("Envoy finds the instance well", || is_well(own, instance.address));
    }
}

pub fn is_well(own: &Own, instance: SocketAddr) -> bool {
    clusters(own).contains(&format!("::{instance}::health_flags::healthy"))
}

fn clusters(own: &Own) -> String {
    http(&admin(own), "GET", "/clusters")
}

/// How often Envoy has found an instance of articles ill.
fn failed_checks(own: &Own) -> u64 {
    let name = "cluster.articles.health_check.failure";
    let stats = http(&admin(own), "GET", &format!("/stats?filter={name}"));
    let count = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.trim().parse().ok());
    count.unwrap_or_else(|| panic!("there is no {name}: {stats}"))
}

fn admin(own: &Own) -> String {
    own.description()["internal_url"].as_str().expect("an address").replace("http://", "").replace(":9100", ":9901")
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
    /// It does not hang up yet.
    holds: Arc<AtomicBool>,
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

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// What the requests' heads said after these words.
    fn told(&self, words: &str) -> Vec<String> {
        let heads = self.heads.lock().expect("nobody panicked");
        heads.iter().filter_map(|line| line.strip_prefix(words)).map(ToOwned::to_owned).collect()
    }

    fn listen(answer: Option<&'static str>, last: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("is bound");
        let instance = Self { address, served: Arc::default(), heads: Arc::default(), answer, last, holds: Arc::default() };
        let accepting = instance.clone();
        std::thread::spawn(move || accepting.accept(&listener));
        instance
    }

    fn accept(&self, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.last && self.served() > 0 {
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
        eventually("it may hang up", || !self.holds.load(Ordering::SeqCst));
        if self.last {
            eventually("nobody listens", || TcpStream::connect(self.address).is_err());
        }
    }
}
