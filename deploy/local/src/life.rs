//! Starting and ending nodes, and whether they are well.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::process::{Program, Record, orphans, poll};
use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// A cold disk and two busy cores: a replica's first copy is the slowest.
pub const READY_BOUND: Duration = Duration::from_secs(90);
/// Postgres has written everything by then, a service has drained.
const STOP_BOUND: Duration = Duration::from_secs(20);

const REAP_BOUND: Duration = Duration::from_secs(3);

/// What a node is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Ready,
    Starting,
    Paused,
    Cut,
    Down,
}

impl Stack {
    /// Starts a node, unless it runs, and waits until it is ready.
    pub fn start(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        self.launch(&node)?;
        self.await_ready(&node, READY_BOUND)
    }

    /// Ends a node in order; past a bound, by force. A service first leaves the load balancer.
    pub fn stop(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        if node.kind == Kind::Service {
            self.publish_endpoints(Some(name))?;
        }
        self.end(&node)
    }

    /// Waits until every node is ready.
    pub fn wait_ready(&self) -> Result<()> {
        self.nodes().iter().try_for_each(|node| self.await_ready(node, READY_BOUND))
    }

    /// Brings every node back: unpaused, connected, running, ready.
    pub fn heal(&self) -> Result<()> {
        for node in self.nodes() {
            crate::fault::restore(node.address.ip())?;
            if let Some(record) = self.record(&node) {
                for process in record.tree() {
                    process.signal(Signal::CONT);
                }
            }
        }
        for node in self.nodes() {
            self.start(&node.name)?;
        }
        Ok(())
    }

    pub fn health(&self, node: &Node) -> Health {
        let Some(record) = self.record(node) else { return Health::Down };
        if record.paused() {
            return Health::Paused;
        }
        if self.ready(node) {
            return Health::Ready;
        }
        if crate::fault::is_cut(node.address.ip()) { Health::Cut } else { Health::Starting }
    }

    pub(crate) fn launch(&self, node: &Node) -> Result<()> {
        if self.record(node).is_some() {
            return Ok(());
        }
        let mut program = self.program(node).with_context(|| format!("cannot prepare {}", node.name))?;
        program.log = self.log_file(&node.name);
        program.spawn()?.save(&self.record_file(&node.name))?;
        if node.kind == Kind::Service {
            self.publish_endpoints(None)?;
        }
        Ok(())
    }

    fn program(&self, node: &Node) -> Result<Program> {
        match node.kind {
            Kind::Primary | Kind::Replica => self.postgres_program(node),
            Kind::Redis => self.redis_program(node),
            Kind::Envoy => self.envoy_program(node),
            Kind::Service => self.service_program(node),
        }
    }

    fn redis_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        fs::create_dir_all(&data)?;
        let address = node.address.ip().to_string();
        let config = self.render(&format!("redis/{}.conf", node.group), &[("address", &address), ("data", &data.display().to_string())])?;
        let file = self.folder.join("run").join(format!("{}.conf", node.name));
        crate::files::write(&file, config.as_bytes(), 0o600)?;
        let program = ["redis-server", "valkey-server"]
            .into_iter()
            .find(|name| find(name))
            .context("Redis is missing: run deploy/local/install.sh")?;
        Ok(Program { path: program.into(), args: vec![file.display().to_string()], cwd: data, ..Program::default() })
    }

    fn ready(&self, node: &Node) -> bool {
        match node.kind {
            Kind::Primary | Kind::Replica => self.postgres_ready(node),
            Kind::Redis => crate::probe::redis_pongs(node.address),
            Kind::Envoy => crate::probe::http_status(self.envoy_admin(), "/ready") == Some(200),
            Kind::Service => crate::probe::http_status(node.operator(), "/health/ready") == Some(200),
        }
    }

    pub(crate) fn await_ready(&self, node: &Node, bound: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut ended = false;
        poll(bound, || {
            ended = self.record(node).is_none();
            ended || self.ready(node)
        });
        if !ended && self.ready(node) {
            return Ok(());
        }
        let what = if ended { "ended" } else { "is not ready" };
        let log = self.log_file(&node.name);
        bail!("{} {what} after {} s; the end of {}:\n{}", node.name, begun.elapsed().as_secs(), log.display(), tail(&log, 15))
    }

    pub(crate) fn end(&self, node: &Node) -> Result<()> {
        let Some(record) = self.record(node) else { return Ok(()) };
        let tree = record.tree();
        // A frozen process would never see the signal to stop.
        for process in &tree {
            process.signal(Signal::CONT);
        }
        record.signal(if node.is_postgres() { Signal::INT } else { Signal::TERM });
        if !record.wait_gone(STOP_BOUND) {
            for process in &tree {
                process.signal(Signal::KILL);
            }
        }
        self.wait_ended(&node.name, &tree)
    }

    /// Only when the last worker is gone can the node start again.
    pub(crate) fn wait_ended(&self, name: &str, tree: &[Record]) -> Result<()> {
        ensure!(poll(STOP_BOUND, || tree.iter().all(|process| !process.alive())), "{name} did not end");
        // Postgres takes a zombie for a living postmaster; whoever must reap it gets a moment.
        poll(REAP_BOUND, || tree.iter().all(Record::vanished));
        let _ = fs::remove_file(self.record_file(name));
        Ok(())
    }

    /// Ends everything, also what a crash left without a record.
    pub fn down(&self) -> Result<()> {
        let _lock = self.lock()?;
        let nodes = self.nodes();
        for group in [&[Kind::Envoy, Kind::Service][..], &[Kind::Redis, Kind::Replica], &[Kind::Primary]] {
            let chosen: Vec<&Node> = nodes.iter().filter(|node| group.contains(&node.kind)).collect();
            crate::up::together(&chosen, |node| self.end(node))?;
        }
        for node in &nodes {
            // Nothing to restore where rules cannot be made.
            let _ = crate::fault::restore(node.address.ip());
        }
        let mut known = vec!["postgres", "redis-", "valkey-", "envoy"];
        known.extend(self.topology.services.iter().map(|service| service.name.as_str()));
        end_orphans(&orphans(&self.folder.join("data"), &known))
    }

    /// `down`, then forgets everything: data, logs, secrets, the block of addresses.
    pub fn clean(self) -> Result<()> {
        self.down()?;
        for part in ["run", "logs", "data", "secrets"] {
            fs::remove_dir_all(self.folder.join(part))?;
        }
        for file in ["state.json", "test.json"] {
            let _ = fs::remove_file(self.folder.join(file));
        }
        crate::block::release(&crate::block::claims_folder()?, &self.folder)
    }
}

/// In order first: a Postgres that is shot leaves a lock file that names a pid, and a pid can come back.
fn end_orphans(left: &[Record]) -> Result<()> {
    for process in left {
        process.signal(Signal::CONT);
        process.signal(Signal::INT);
    }
    let gone = || left.iter().all(Record::vanished);
    if !poll(STOP_BOUND, gone) {
        for process in left {
            process.signal(Signal::KILL);
        }
    }
    ensure!(poll(STOP_BOUND, || left.iter().all(|process| !process.alive())), "some processes did not end");
    Ok(())
}

pub fn find(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    path.split(':').any(|folder| std::path::Path::new(folder).join(program).exists())
}

/// The last lines of a log.
pub fn tail(path: &std::path::Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
