//! Where everything of the stack in containers is, as `stack up` tells it of its own: so that the suites run against both.

use std::{os::unix::fs::PermissionsExt, path::Path};

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::compose::{self, Container};

/// Of the project's services, and of what carries their jobs.
const SERVICES: [&str; 4] = ["accounts", "social", "articles", "media"];
const SECRETS: [&str; 5] = ["postgres", "valkey", "rabbitmq", "edge-refresh", "demo"];

/// Writes the description, which holds passwords, for its owner alone. Addresses change when containers do: it is written anew then.
pub async fn write(file: &Path) -> anyhow::Result<()> {
    let description = describe().await?;
    let folder = file.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder)?;
    let fresh = file.with_extension("new");
    std::fs::write(&fresh, serde_json::to_vec_pretty(&description)?)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
    Ok(std::fs::rename(&fresh, file)?)
}

async fn describe() -> anyhow::Result<Value> {
    let containers: Vec<_> = compose::containers().await?.into_iter().filter(|container| container.running).collect();
    let [postgres, valkey, rabbitmq, edge_refresh, demo] = &compose::secrets(&SECRETS).await?[..] else {
        anyhow::bail!("a secret is missing: `docker compose up prepare` makes it")
    };
    let all = |service: &str, network: &str, port: u16| addresses(&containers, service, network, port);
    let instances = |service: &str, network: &str| -> anyhow::Result<Value> {
        let of = containers.iter().filter(|container| container.service == service);
        let instance = |container: &Container| {
            anyhow::Ok(json!({ "name": container.name, "public": container.at(network, 8000)?, "operator": container.at(network, 9000)? }))
        };
        Ok(Value::Array(of.map(instance).collect::<Result<_, _>>()?))
    };
    let each = |suffix: &str| -> anyhow::Result<Map<String, Value>> {
        let names = SERVICES.iter().map(|service| format!("{service}{suffix}"));
        names.map(|name| Ok((name.clone(), instances(&name, "services")?))).collect()
    };
    let shard = |name: &str| -> anyhow::Result<Value> {
        let nodes = (1..=3).map(|node| all(&format!("{name}-{node}"), "data", 5432)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "name": name, "nodes": nodes.concat() }))
    };
    let one = |service: &str, network: &str, port: u16| -> anyhow::Result<String> {
        all(service, network, port)?.pop().with_context(|| format!("{service} does not run"))
    };
    Ok(json!({
        "containers": true,
        "url": format!("http://{}", compose::published("envoy", "8080").await?),
        "internal_url": format!("http://{}", one("envoy", "services", 9100)?),
        "edge_url": format!("http://{}", compose::published("envoy", "8081").await?),
        "edges": instances("edge", "edge")?,
        "edge_refresh": edge_refresh,
        "postgres": [shard("s1")?, shard("s2")?],
        "postgres_user": "postgres",
        "postgres_password": postgres,
        "demo_password": demo,
        "cache": one("cache", "data", 6379)?,
        "caches": [one("cache", "data", 6379)?, one("cache-2", "data", 6379)?],
        "sessions": one("sessions", "data", 6379)?,
        "redis_password": valkey,
        "brokers": all("rabbitmq", "data", 5672)?,
        "broker_user": "magnitude",
        "broker_password": rabbitmq,
        "checkers": all("articles-checker", "services", 9000)?,
        "services": each("")?,
        "workers": each("-worker")?,
    }))
}

fn addresses(containers: &[Container], service: &str, network: &str, port: u16) -> anyhow::Result<Vec<String>> {
    containers.iter().filter(|container| container.service == service).map(|container| container.at(network, port)).collect()
}
