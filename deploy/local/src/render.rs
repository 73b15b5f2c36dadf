//! The configuration of the wirings that have no runner, filled from the templates that this one uses too. It is kept in the project, so that
//! whoever starts a wiring needs no Rust.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::block::Block;
use crate::discovery;
use crate::edge::Limits;
use crate::patroni::in_bootstrap;
use crate::rabbitmq::RABBITMQ;
use crate::service::Common;
use crate::stack::STANDARD;
use crate::template;
use crate::topology::{Kind, Node, Topology};

/// Where Compose finds its part, below the project.
const COMPOSE: &str = "deploy/compose/rendered";

/// Inside of a container a node has all addresses to itself.
const ANY: &str = "0.0.0.0";
/// Where a container finds its own secrets.
const SECRETS: &str = "/run/secrets";

/// Writes every rendered file of the project; what changed.
pub fn write(project: &Path) -> Result<Vec<PathBuf>> {
    let stale = stale(project)?;
    for (path, content) in &stale {
        let whole = project.join(path);
        fs::create_dir_all(whole.parent().context("a file lies in a folder")?)?;
        fs::write(&whole, content).with_context(|| format!("cannot write {}", whole.display()))?;
    }
    Ok(stale.into_keys().collect())
}

/// The rendered files that are missing, or are not what their templates give today, with what they should be.
pub fn stale(project: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = compose(project)?;
    files.retain(|path, content| fs::read_to_string(project.join(path)).ok().as_deref() != Some(content));
    Ok(files)
}

fn compose(project: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let templates = Templates(project);
    let nodes = standard(project)?;
    let files = [
        ("envoy.yaml", templates.fill("envoy/envoy.yaml", &envoy())?),
        ("nginx.conf", templates.fill("edge/nginx.conf", &edge())?),
        ("patroni.yaml", templates.fill("postgres/patroni.yaml", &patroni(&templates.fill("postgres/cluster.yaml", &[])?))?),
        ("cache.conf", templates.fill("redis/cache.conf", &redis("/tmp"))?),
        ("sessions.conf", templates.fill("redis/sessions.conf", &redis("/data"))?),
        (
            "sessions-replica.conf",
            templates.fill("redis/sessions.conf", &redis("/data"))? + &templates.fill("redis/replica.conf", &replica())?,
        ),
        ("rabbitmq.conf", templates.fill("rabbitmq/rabbitmq.conf", &rabbitmq())?),
        ("garage.toml", templates.fill("objects/garage.toml", &garage())?),
        ("services.toml", heading("deploy/local/topologies/standard.toml") + &toml::to_string(&services(&nodes))?),
    ];
    Ok(files.into_iter().map(|(name, content)| (Path::new(COMPOSE).join(name), content)).collect())
}

fn standard(project: &Path) -> Result<Vec<Node>> {
    let topology = Topology::load(&project.join("deploy/local/topologies"), STANDARD)?;
    // Names count here, not addresses.
    Ok(topology.nodes(Block { a: 64, b: 0 }, &BTreeMap::new()))
}

struct Templates<'a>(&'a Path);

type Values = Vec<(String, String)>;

impl Templates<'_> {
    fn fill(&self, name: &str, values: &[(String, String)]) -> Result<String> {
        let source = format!("deploy/{name}");
        let path = self.0.join(&source);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (&**name, &**value)).collect();
        let filled = template::render(&text, &values).with_context(|| source.clone())?;
        ensure!(!filled.is_empty(), "{source} is empty");
        Ok(if values.is_empty() { filled } else { heading(&source) + &filled })
    }
}

fn heading(source: &str) -> String {
    format!("# Written by `stack render` from {source}: change that.\n")
}

fn values<const N: usize>(values: [(&str, &str); N]) -> Values {
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn envoy() -> Values {
    let mut all = values([
        ("address", ANY),
        // Others reach this listener here: nothing that changes something.
        ("admin_paths", "allow_paths: [{ exact: /ready }, { prefix: /clusters }, { prefix: /stats }]"),
        ("public_address", ANY),
        ("port", "8080"),
        ("edge_port", "8081"),
        ("access_log", "/dev/stdout"),
        ("edge_source", "# It has one address in the network that it shares with them."),
    ]);
    all.extend(discovery::by_dns());
    all
}

fn edge() -> Values {
    let limits = Limits::default();
    values([
        ("modules", crate::edge::MODULES),
        ("workers", "1"),
        ("data", "/var/lib/edge"),
        ("age", "/etc/edge/age.lua"),
        ("refresh", &format!("{SECRETS}/refresh.conf")),
        ("listen", "0.0.0.0:8000"),
        ("operator", "0.0.0.0:9000"),
        // The load balancer, whose address in the network that they share is fixed: names are looked up only at the start.
        ("front", "balancer"),
        ("origin", "balancer:8000"),
        ("objects_size", &limits.objects_size),
        ("objects_inactive", &limits.objects_inactive),
        ("pages_size", &limits.pages_size),
    ])
}

/// What differs between nodes, and every password, comes from the environment of the container.
fn patroni(cluster: &str) -> Values {
    values([
        ("name", "# `scope` and `name`: PATRONI_SCOPE and PATRONI_NAME."),
        ("address", ANY),
        ("rest_address", "# `connect_address`: PATRONI_RESTAPI_CONNECT_ADDRESS."),
        ("postgres_address", "# `connect_address`: PATRONI_POSTGRESQL_CONNECT_ADDRESS."),
        ("etcd", "'etcd:2379'"),
        ("cluster", &in_bootstrap(cluster)),
        ("data", "/var/lib/postgresql/node"),
        ("bin", "/usr/lib/postgresql/17/bin"),
        ("sockets", "/run/postgresql"),
        ("replay_delay", "0ms"),
        ("superuser_password", "# `password`: PATRONI_SUPERUSER_PASSWORD."),
        ("replication_password", "# `password`: PATRONI_REPLICATION_PASSWORD."),
        ("rewind_password", "# `password`: PATRONI_REWIND_PASSWORD."),
        ("patroni_password", "# `password`: PATRONI_RESTAPI_PASSWORD."),
    ])
}

fn redis(data: &str) -> Values {
    values([("address", ANY), ("data", data), ("password", &format!("include {SECRETS}/valkey.conf"))])
}

fn replica() -> Values {
    values([("primary", "sessions"), ("primary_password", "# `masterauth` is in the same file as the password.")])
}

fn rabbitmq() -> Values {
    let login = "# `default_pass` is in a file of its own: RABBITMQ_CONFIG_FILES.";
    values([("address", ANY), ("vhost", RABBITMQ), ("user", RABBITMQ), ("password", login), ("cluster", "")])
}

fn garage() -> Values {
    values([("address", ANY), ("data", "/var/lib/garage"), ("secrets", SECRETS)])
}

/// What all services have in common: whom they find where, by the names of the topology.
fn services(nodes: &[Node]) -> Common {
    let names = |kind: Kind, group: &str, port: u16| -> Vec<String> {
        nodes.iter().filter(|node| node.kind == kind && node.group == group).map(|node| format!("{}:{port}", node.name)).collect()
    };
    let mut shards: Vec<&str> = nodes.iter().filter(|node| node.is_postgres()).map(|node| node.group.as_str()).collect();
    shards.dedup();
    Common {
        cache: names(Kind::Redis, "cache", 6379).into(),
        sessions: names(Kind::Redis, "sessions", 6379).into(),
        broker: names(Kind::Broker, "rabbitmq", 5672).into(),
        internal: "http://envoy:9100".to_owned().into(),
        shards: shards.into_iter().map(|shard| (shard, names(Kind::Postgres, shard, 5432)).into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_is_what_the_templates_give() {
        let project = crate::stack::find_project(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("this is the project");

        let stale: Vec<_> = stale(&project).expect("the templates can be filled").into_keys().collect();

        assert_eq!(stale, Vec::<PathBuf>::new(), "run `make render`");
    }
}
