//! The stack of `docker compose`, as its engine knows it. Which project, and with which settings, the environment says: as for `docker compose`
//! itself.

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command};

/// A container of the project, running or not.
#[derive(Clone, Debug)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub service: String,
    pub image: String,
    pub image_id: String,
    pub running: bool,
    pub healthy: bool,
    /// By the network's name in the Compose files.
    addresses: BTreeMap<String, String>,
}

impl Container {
    /// Where it can be reached from this machine.
    pub fn at(&self, network: &str, port: u16) -> anyhow::Result<String> {
        let address = self.addresses.get(network).with_context(|| format!("{} has no address in {network}", self.name))?;
        Ok(format!("{address}:{port}"))
    }
}

/// What `docker inspect` tells, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    image: String,
    state: State,
    config: Config,
    network_settings: Networks,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    health: Option<Health>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networks {
    networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
}

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

impl Inspected {
    fn container(self, project: &str) -> Container {
        let addresses = self.network_settings.networks.into_iter().filter(|(_, network)| !network.address.is_empty());
        Container {
            id: self.id,
            name: self.name.trim_start_matches('/').to_owned(),
            service: self.config.labels.get(SERVICE).cloned().unwrap_or_default(),
            image: self.config.image,
            image_id: self.image,
            running: self.state.running,
            // One without a check is well while it runs.
            healthy: self.state.running && self.state.health.is_none_or(|health| health.status == "healthy"),
            addresses: addresses
                .map(|(name, network)| (name.trim_start_matches(&format!("{project}_")).to_owned(), network.address))
                .collect(),
        }
    }
}

/// Every container of the project, in the order of their names.
pub async fn containers() -> anyhow::Result<Vec<Container>> {
    let project = project().await?;
    let ids = docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &format!("label={PROJECT}={project}")]).await?;
    let ids: Vec<&str> = ids.split_whitespace().collect();
    ensure!(!ids.is_empty(), "the project {project} has no containers: start it with `docker compose up`");
    let told = docker(&[&["inspect"], &ids[..]].concat()).await?;
    let inspected: Vec<Inspected> = serde_json::from_str(&told).context("`docker inspect` told something else")?;
    let mut containers: Vec<_> = inspected.into_iter().map(|one| one.container(&project)).collect();
    containers.sort_by(|one, other| (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name)));
    Ok(containers)
}

/// Those of one service.
pub async fn of(service: &str) -> anyhow::Result<Vec<Container>> {
    Ok(containers().await?.into_iter().filter(|container| container.service == service).collect())
}

/// Secrets that the stack made for itself.
pub async fn secrets(names: &[&str]) -> anyhow::Result<Vec<String>> {
    let image = of("s1-1").await?.pop().context("there is no s1-1")?.image;
    let volume = format!("{}_secrets:/secrets:ro", project().await?);
    // They have no ends of line.
    let order = format!("cd /secrets/all; for name in {}; do cat $name; echo; done", names.join(" "));
    let run = ["run", "--rm", "--network=none", "--user=0", "--entrypoint=bash", "--volume", &volume, &image, "-ec", &order];
    Ok(docker(&run).await?.lines().map(str::to_owned).collect())
}

pub async fn project() -> anyhow::Result<String> {
    let told = compose(&["config", "--format", "json"]).await?;
    let config: serde_json::Value = serde_json::from_str(&told)?;
    Ok(config["name"].as_str().context("the project has no name")?.to_owned())
}

/// What a published port is on this machine.
pub async fn published(service: &str, port: &str) -> anyhow::Result<String> {
    Ok(compose(&["port", service, port]).await?.trim().to_owned())
}

/// Builds an image of this name from the text of a Dockerfile without any files.
pub async fn build(image: &str, dockerfile: &str) -> anyhow::Result<()> {
    let mut build = Command::new("docker");
    build.args(["build", "--quiet", "--tag", image, "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    let mut build = build.spawn()?;
    build.stdin.take().context("it was piped")?.write_all(dockerfile.as_bytes()).await?;
    ensure!(build.wait().await?.success(), "{image} was not built");
    Ok(())
}

pub async fn compose(arguments: &[&str]) -> anyhow::Result<String> {
    docker(&[&["compose"], arguments].concat()).await
}

pub async fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await.context("no docker")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`docker {}` failed: {}", arguments.join(" "), said.trim());
    String::from_utf8(output.stdout).context("docker told no text")
}
