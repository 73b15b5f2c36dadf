//! What stands in several files and must agree, since each is written for another program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SERVICES: [&str; 4] = ["accounts", "social", "articles", "media"];
const COMPOSE: [&str; 4] = ["setup.yml", "data.yml", "services.yml", "front.yml"];

/// A file of the project.
fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies two folders deep");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose(name: &str) -> String {
    file(&format!("deploy/compose/{name}"))
}

/// The number behind every occurrence of `key`, in the unit that stands there, which has no dot.
fn numbers(text: &str, key: &str) -> Vec<u64> {
    let found = text.split(key).skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    found.filter_map(|digits| digits.parse().ok()).collect()
}

/// The only such number.
fn number(text: &str, key: &str) -> u64 {
    let mut found = numbers(text, key);
    found.dedup();
    let [number] = found[..] else { panic!("{key} is there {} times: {found:?}", found.len()) };
    number
}

/// A part of a file, from a line to the next of these.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("there is no {from:?}"));
    let rest = &text[start..];
    &rest[..rest[from.len()..].find(to).map_or(rest.len(), |end| from.len() + end)]
}

fn defaults(service: &str) -> String {
    file(&format!("services/{service}/settings.toml"))
}

#[test]
fn who_leaves_is_noticed_before_it_closes_and_has_its_time_to_end() {
    let (envoy, services) = (file("deploy/envoy/envoy.yaml"), compose("services.yml"));
    let (interval, threshold) = (number(&envoy, "  interval: "), number(&envoy, "unhealthy_threshold: "));
    let delay = number(&services, "MAGNITUDE_HTTP__DRAIN_DELAY_MS: ");
    let longest = SERVICES.map(|service| number(&defaults(service), "drain_timeout_ms = ")).into_iter().max().unwrap();
    let grace = number(part(&services, "x-service:", "\nx-"), "stop_grace_period: ");

    assert!(delay > 1000 * interval * threshold, "Envoy is told after {threshold} checks of {interval} s");
    assert!(1000 * grace > delay + longest, "{grace} s for a delay of {delay} ms and {longest} ms to end");
}

#[test]
fn each_waits_longer_than_what_it_waits_for() {
    let (envoy, nginx) = (file("deploy/envoy/envoy.yaml"), file("deploy/edge/nginx.conf"));
    let request = |service: &str| number(&defaults(service), "request_timeout_ms = ");
    let route = number(part(&envoy, "safe_regex: { regex: \"/api/(articles(/.*)?|tags)\" } }", "# media"), "timeout: ");
    let upload = number(part(&envoy, "# From the end of the upload on.", "\n                        #"), "media, timeout: ");
    let api = part(&nginx, "location /api/ {", "gzip off");

    for service in ["accounts", "social", "articles"] {
        assert!(1000 * route > request(service), "{service}");
    }
    assert!(1000 * upload > request("media"));
    assert!(number(api, "proxy_read_timeout ") > route, "the load balancer says how a call ended");
    assert!(
        number(part(&envoy, "- name: edge", "- name: internal"), "per_try_idle_timeout: ")
            > number(part(&nginx, "proxy_bind", "server {"), "proxy_read_timeout ")
    );
}

#[test]
fn a_body_that_a_service_takes_passes_the_edge() {
    let nginx = file("deploy/edge/nginx.conf");
    let most = |service: &str| number(&defaults(service), "max_body_bytes = ");
    let mebibytes = 1 << 20;

    assert!(number(part(&nginx, "location ~ ^/api/media", "}"), "client_max_body_size ") * mebibytes >= most("media"));
    for service in ["accounts", "social", "articles"] {
        assert!(
            number(part(&nginx, "client_header_buffer_size", "merge_slashes"), "client_max_body_size ") * mebibytes >= most(service),
            "{service}"
        );
    }
}

#[test]
fn what_keeps_something_in_memory_is_given_more_than_that() {
    let data = compose("data.yml");
    for name in ["cache.conf", "sessions.conf"] {
        let most = number(&file(&format!("deploy/redis/{name}")), "maxmemory ");
        assert!(number(&data, "VALKEY_MEMORY:-") > most + most / 4, "{name}");
    }
    assert!(number(&data, "RABBITMQ_MEMORY:-") > number(&file("deploy/rabbitmq/rabbitmq.conf"), "vm_memory_high_watermark.absolute = "));
    // A connection that has seen every table keeps 3 to 4 MiB of its own.
    let cluster = file("deploy/postgres/cluster.yaml");
    let most = number(&cluster, "shared_buffers: ") + 5 * number(&cluster, "max_connections: ");
    assert!(number(&data, "POSTGRES_MEMORY:-") > most);
    let media = defaults("media");
    let images = number(&media, "at_once = ") * number(&media, "memory_mib = ");
    assert!(number(&compose("services.yml"), "MEDIA_WORKER_MEMORY:-") > images);
}

#[test]
fn instances_listen_where_the_load_balancer_looks_for_them() {
    let (envoy, images) = (file("deploy/compose/rendered/envoy.yaml"), file("deploy/images/Dockerfile"));
    for service in SERVICES {
        for (cluster, port) in [(service.to_owned(), 8000), (format!("{service}-operator"), 9000)] {
            let text = part(&envoy, &format!("- name: {cluster}\n"), "connect_timeout");
            assert!(text.contains(&format!("address: {service}, port_value: {port} ")), "{text}");
            assert!(text.contains("health_check_config: { port_value: 9000 }"), "{text}");
        }
    }
    assert!(images.contains("MAGNITUDE_HTTP__PUBLIC=0.0.0.0:8000 MAGNITUDE_HTTP__OPERATOR=0.0.0.0:9000"));
    let front = compose("front.yml");
    assert!(front.contains(":-8080}:8080") && front.contains(":-8081}:8081"));
    assert_eq!(numbers(part(&envoy, "- name: public", "filter_chains"), "port_value: "), [8080]);
    assert_eq!(numbers(part(&envoy, "- name: edge", "filter_chains"), "port_value: "), [8081]);
}

#[test]
fn the_containers_are_those_of_the_standard_topology() {
    let topology: toml::Table = file("deploy/local/topologies/standard.toml").parse().expect("it is TOML");
    let listed = |kind: &str| topology[kind].as_array().expect("it is a list").clone();
    let name = |table: &toml::Value, key: &str| table[key].as_str().expect("it is a name").to_owned();
    let services = compose("services.yml");
    // A container that says nothing about it is one.
    let scale = |service: &str, file: &str| {
        let head = format!("  {service}:");
        let mut lines = file.lines().skip_while(|line| !line.starts_with(&head));
        assert!(lines.next().is_some(), "there is no container {service}");
        let own: Vec<_> = lines.take_while(|line| line.starts_with("    ")).collect();
        numbers(&own.join("\n"), "scale: ").first().copied().unwrap_or(1)
    };

    for service in listed("services") {
        let wanted = service["instances"].as_integer().and_then(|count| u64::try_from(count).ok());
        assert_eq!(Some(scale(&name(&service, "name"), &services)), wanted, "{service}");
    }
    for worker in listed("workers") {
        assert_eq!(scale(&format!("{}-worker", name(&worker, "service")), &services), 1, "{worker}");
    }
    let data = compose("data.yml");
    for redis in listed("redis") {
        assert_eq!(scale(&name(&redis, "name"), &data), 1);
    }
    for shard in listed("shards") {
        let replicas = shard["replicas"].as_integer().expect("it is a number");
        for node in 1..=replicas + 1 {
            assert_eq!(scale(&format!("{}-{node}", name(&shard, "name")), &data), 1);
        }
    }
    assert_eq!(
        Some(scale("edge", &compose("front.yml"))),
        topology["edge"]["instances"].as_integer().and_then(|count| u64::try_from(count).ok())
    );
}

#[test]
fn every_image_that_is_not_the_projects_own_is_a_variable_with_a_version() {
    let bases: BTreeMap<String, String> = file("deploy/images/bases.env")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(name, image)| (name.to_owned(), image.to_owned())))
        .collect();
    assert!(bases.values().all(|image| image.contains(':') && !image.ends_with(":latest")), "{bases:?}");
    for name in COMPOSE {
        for line in compose(name).lines().filter(|line| line.trim_start().starts_with("image: ")) {
            let own = line.contains("${PROJECT_IMAGES:-magnitude}/");
            let variable = line.split("${").nth(1).and_then(|rest| rest.split(['}', ':']).next()).unwrap_or_default();
            assert!(own || bases.contains_key(variable), "{name}: {line}");
        }
    }
    // The same defaults for who builds without Compose.
    for dockerfile in ["deploy/images/Dockerfile", "deploy/postgres/Dockerfile", "deploy/edge/Dockerfile"] {
        for line in file(dockerfile).lines().filter_map(|line| line.strip_prefix("ARG ")).filter(|line| line.contains("_IMAGE=")) {
            let (name, image) = line.split_once('=').expect("it has a default");
            assert_eq!(bases.get(name).map(String::as_str), Some(image), "{dockerfile}");
        }
    }
}
