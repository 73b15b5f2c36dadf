//! How Envoy learns of the instances of its clusters: the part of its configuration that differs between the wirings.

/// Every cluster of `deploy/envoy/envoy.yaml`: its name, the name that its instances have together, and their port. All tell their health at 9000.
const CLUSTERS: [(&str, &str, u16); 13] = [
    ("accounts", "accounts", 8000),
    ("social", "social", 8000),
    ("articles", "articles", 8000),
    ("media", "media", 8000),
    ("accounts-operator", "accounts", 9000),
    ("social-operator", "social", 9000),
    ("articles-operator", "articles", 9000),
    ("media-operator", "media", 9000),
    ("accounts-worker", "accounts-worker", 9000),
    ("social-worker", "social-worker", 9000),
    ("articles-worker", "articles-worker", 9000),
    ("media-worker", "media-worker", 9000),
    ("edge", "edge", 8000),
];

/// From files in a folder that Envoy watches: `runner` writes one a cluster.
pub fn by_files(folder: &str) -> Vec<(String, String)> {
    clusters(|cluster, _, _| {
        let source = format!("{{ path: \"{folder}/{cluster}.json\", watched_directory: {{ path: \"{folder}\" }} }}");
        format!("type: EDS\n      eds_cluster_config: {{ eds_config: {{ path_config_source: {source} }} }}")
    })
}

/// From a DNS that knows every instance by the name that they have together, as that of Docker does. It is asked once a second.
pub fn by_dns() -> Vec<(String, String)> {
    clusters(|cluster, name, port| {
        let address = format!("{{ socket_address: {{ address: {name}, port_value: {port} }} }}");
        let endpoint = format!("{{ endpoint: {{ address: {address}, health_check_config: {{ port_value: 9000 }} }} }}");
        let dns = "\"@type\": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, dns_lookup_family: V4_ONLY, dns_refresh_rate: 1s, \
                   dns_failure_refresh_rate: { base_interval: 0.5s, max_interval: 1s }";
        format!(
            "cluster_type: {{ name: envoy.cluster.dns, typed_config: {{ {dns} }} }}\n      \
             load_assignment: {{ cluster_name: {cluster}, endpoints: [{{ lb_endpoints: [{endpoint}] }}] }}"
        )
    })
}

fn clusters(text: impl Fn(&str, &str, u16) -> String) -> Vec<(String, String)> {
    CLUSTERS.iter().map(|(cluster, name, port)| (format!("discovery {cluster}"), text(cluster, name, *port))).collect()
}
