use std::collections::BTreeMap;

use anyhow::Context;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;

use super::{PATIENCE, Part};

/// Bytes of an answer: a few hundred a node.
const LONGEST: usize = 4 << 20;
/// The same instances once more, on their other listener.
const OPERATOR: &str = "-operator";

/// The load balancer's admin listener, which only the inside can reach.
pub struct Admin {
    http: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    name: String,
    #[serde(default)]
    host_statuses: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    /// What fails is said with a `true`; what is not said is well.
    #[serde(default)]
    health_status: BTreeMap<String, Value>,
}

impl Host {
    fn is_well(&self) -> bool {
        let told = self.health_status.get("eds_health_status").and_then(Value::as_str).unwrap_or("HEALTHY");
        told == "HEALTHY" && !self.health_status.values().any(|said| *said == Value::Bool(true))
    }
}

impl Admin {
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { http, url: format!("{}/clusters?format=json", url.trim_end_matches('/')) })
    }

    /// The load balancer itself, and every service behind it.
    pub async fn parts(&self) -> Vec<Part> {
        let asked = self.ask().await;
        let balancer = Part::new("load balancer", &[asked.is_ok()]);
        let mut services = asked.unwrap_or_else(|error| {
            tracing::warn!(error = %format_args!("{error:#}"), "the load balancer did not tell how its services are");
            Vec::new()
        });
        services.sort_by(|one, other| one.name.cmp(&other.name));
        services.insert(0, balancer);
        services
    }

    async fn ask(&self) -> anyhow::Result<Vec<Part>> {
        let mut pieces = self.http.get(&self.url).send().await?.error_for_status()?.bytes_stream();
        let mut answer = Vec::new();
        while let Some(piece) = pieces.next().await {
            answer.extend_from_slice(&piece?);
            anyhow::ensure!(answer.len() <= LONGEST, "it said too much");
        }
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> anyhow::Result<Vec<Part>> {
    let clusters: Clusters = serde_json::from_slice(answer).context("its answer was not understood")?;
    let shown = clusters.cluster_statuses.into_iter().filter(|cluster| !cluster.name.ends_with(OPERATOR));
    Ok(shown.map(part).collect())
}

fn part(cluster: Cluster) -> Part {
    let nodes: Vec<bool> = cluster.host_statuses.iter().map(Host::is_well).collect();
    Part::new(cluster.name, &nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_fails_its_check_makes_its_service_red() {
        let answer = r#"{"cluster_statuses": [
            {"name": "articles", "host_statuses": [
                {"address": {}, "health_status": {"eds_health_status": "HEALTHY"}},
                {"address": {}, "health_status": {"eds_health_status": "HEALTHY", "failed_active_health_check": true}}]},
            {"name": "social", "host_statuses": [{"health_status": {"eds_health_status": "HEALTHY"}}]},
            {"name": "gone"},
            {"name": "articles-operator", "host_statuses": []}]}"#;

        let parts = parse(answer.as_bytes()).unwrap();

        let seen: Vec<_> = parts.iter().map(|part| (&*part.name, part.well, part.all, part.is_green())).collect();
        assert_eq!(seen, [("articles", 1, 2, false), ("social", 1, 1, true), ("gone", 0, 0, false)]);
    }
}
