//! Envoy: its configuration, and the files through which it learns of instances.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::discovery;
use crate::edge::EDGE;
use crate::life::READY_BOUND;
use crate::process::poll;
use crate::program::Program;
use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// It sees a changed file within milliseconds.
const DROP_BOUND: Duration = Duration::from_secs(3);

impl Stack {
    pub(crate) fn envoy_program(&self, node: &Node) -> Result<Program> {
        let cwd = self.data(&node.name);
        fs::create_dir_all(&cwd)?;
        let config = self.envoy_config(node)?;
        let file = self.folder.join("run/envoy.yaml");
        crate::files::write(&file, config.as_bytes(), 0o644)?;
        let program = self.project.join(".stack/envoy");
        ensure!(program.exists(), "Envoy is missing: run deploy/local/install.sh");
        // Two Envoys with one base id would share memory and refuse to start.
        let base = self.state.block.number().to_string();
        let args = [
            "--config-path",
            &file.display().to_string(),
            "--base-id",
            &base,
            "--concurrency",
            "2",
            "--log-level",
            "warn",
            "--disable-hot-restart",
        ];
        Ok(Program { path: program, args: args.into_iter().map(str::to_owned).collect(), config, cwd, ..Program::default() })
    }

    fn envoy_config(&self, node: &Node) -> Result<String> {
        let address = node.address.ip().to_string();
        let edge_port = self.state.edge_port.context("no port for the edge was chosen: run `stack up`")?;
        let mut values = discovery::by_files(&self.endpoints_folder()?.display().to_string());
        let source = format!("upstream_bind_config: {{ source_address: {{ address: \"{address}\", port_value: 0 }} }}");
        values.extend(
            [
                ("edge_source", source),
                ("address", address),
                // Only this machine's own users reach it.
                ("admin_paths", "# All of it.".to_owned()),
                ("public_address", "127.0.0.1".to_owned()),
                ("port", self.state.port.number.to_string()),
                ("edge_port", edge_port.number.to_string()),
                ("access_log", self.log_file("access").display().to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let values: Vec<_> = values.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.render("envoy/envoy.yaml", &values)
    }

    /// Tells Envoy who is there: every recorded instance but `leaving`.
    pub(crate) fn publish_endpoints(&self, leaving: Option<&str>) -> Result<()> {
        let folder = self.endpoints_folder()?;
        let lock = fs::File::options().create(true).append(true).open(self.folder.join("run/endpoints.lock"))?;
        lock.lock()?;
        let there = |kind, group: &str| {
            let mut instances = self.group(kind, group);
            instances.retain(|node| self.record_file(&node.name).exists() && Some(node.name.as_str()) != leaving);
            instances
        };
        let publish = |cluster: &str, endpoints: Vec<Value>| {
            let content = assignment(cluster, &endpoints);
            crate::files::write(&folder.join(format!("{cluster}.json")), content.to_string().as_bytes(), 0o644)
        };
        for service in &self.topology.services {
            let instances = there(Kind::Service, &service.name);
            publish(&service.name, instances.iter().map(|node| endpoint(node.address)).collect())?;
            publish(&format!("{}-operator", service.name), instances.iter().map(|node| endpoint(node.operator())).collect())?;
        }
        // Nothing is routed to workers: Envoy only looks how they are, for whoever asks it.
        for worker in &self.topology.workers {
            let group = worker.group();
            publish(&group, there(Kind::Worker, &group).iter().map(|node| endpoint(node.operator())).collect())?;
        }
        publish(EDGE, there(Kind::Edge, EDGE).iter().map(|node| endpoint(node.address)).collect())
    }

    /// Waits until Envoy's own checks have found these instances well.
    pub(crate) fn wait_routed(&self, instances: &[&Node]) -> Result<()> {
        let healthy = |clusters: &str, address| clusters.lines().any(|line| line.ends_with(&format!("::{address}::health_flags::healthy")));
        let routed = || {
            let clusters = self.envoy_clusters().unwrap_or_default();
            let both = |node: &&Node| healthy(&clusters, node.address) && (node.kind == Kind::Edge || healthy(&clusters, node.operator()));
            instances.iter().all(both)
        };
        ensure!(poll(READY_BOUND, routed), "Envoy does not find every instance healthy; see `stack logs envoy`");
        Ok(())
    }

    /// Waits until Envoy has read that an instance leaves: a request that it still sent there would meet a closed port. Bounded,
    /// and no error: an Envoy that does not answer sends nothing either.
    pub(crate) fn wait_dropped(&self, node: &Node) {
        let host = format!("::{}:", node.address.ip());
        poll(DROP_BOUND, || self.envoy_clusters().is_none_or(|clusters| !clusters.contains(&host)));
    }

    fn envoy_clusters(&self) -> Option<String> {
        crate::probe::http_get(self.envoy_admin(), "/clusters").map(|(_, body)| body)
    }

    pub(crate) fn envoy_admin(&self) -> SocketAddr {
        SocketAddr::new(self.state.block.address(self.topology.envoy.host).into(), 9901)
    }

    fn endpoints_folder(&self) -> Result<std::path::PathBuf> {
        let folder = self.folder.join("run/endpoints");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

fn assignment(cluster: &str, endpoints: &[Value]) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": endpoints}],
    }]})
}

fn endpoint(address: SocketAddr) -> Value {
    json!({"endpoint": {
        "address": {"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}},
        "health_check_config": {"port_value": 9000},
    }})
}
