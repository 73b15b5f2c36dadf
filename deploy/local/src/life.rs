//! Starting and ending single nodes, and whether they are well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::fault;
use crate::process::{Record, STEP, poll, poll_every};
use crate::program::Program;
use crate::rabbitmq::RABBITMQ;
use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// A cold disk, and two cores that others keep busy: a replica's first copy is the slowest. What ends is noticed at once.
pub const READY_BOUND: Duration = Duration::from_mins(3);
/// Postgres has written everything by then, a service has drained.
pub const STOP_BOUND: Duration = Duration::from_secs(20);

/// Patroni writes two lines for every question while its server is down.
const PATRONI_STEP: Duration = Duration::from_millis(200);
/// Each look at a broker that starts is a connection.
const BROKER_STEP: Duration = Duration::from_millis(100);

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
        self.settle(&node)
    }

    /// Waits until a launched node is ready; a replica that can never be is copied anew.
    pub(crate) fn settle(&self, node: &Node) -> Result<()> {
        if self.await_ready(node, READY_BOUND)? == Start::Ready {
            return Ok(());
        }
        self.forget_copy(node)?;
        self.launch(node)?;
        let again = self.await_ready(node, READY_BOUND)?;
        ensure!(again == Start::Ready, "{} lost its primary's log again right after it was copied", node.name);
        Ok(())
    }

    /// Ends a node in order; past a bound, by force. What Envoy routes to first leaves it.
    pub fn stop(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        if node.is_watched() {
            self.publish_endpoints(Some(name))?;
        }
        if node.is_routed() {
            self.wait_dropped(&node);
        }
        self.end(&node)
    }

    /// Ends and starts a node; Envoy routes to it again when this returns.
    pub fn restart(&self, name: &str) -> Result<()> {
        self.stop(name)?;
        self.start(name)?;
        let node = self.node(name)?;
        let routed = node.is_routed() && self.record(&self.node("envoy")?).is_some();
        if routed { self.wait_routed(&[&node]) } else { Ok(()) }
    }

    /// Waits until every node is ready.
    pub fn wait_ready(&self) -> Result<()> {
        self.nodes().iter().try_for_each(|node| self.await_ready(node, READY_BOUND).map(drop))
    }

    pub fn health(&self, node: &Node) -> Health {
        let Some(record) = self.record(node) else { return Health::Down };
        if record.paused() {
            return Health::Paused;
        }
        if self.ready(node) {
            return Health::Ready;
        }
        if fault::is_cut(node.address.ip()) { Health::Cut } else { Health::Starting }
    }

    pub(crate) fn launch(&self, node: &Node) -> Result<()> {
        // Between a start and its record the node would look like something that a crash left.
        let _lock = self.lock_node(&node.name)?;
        if self.record(node).is_some() {
            return Ok(());
        }
        self.end_leftovers(node)?;
        let mut program = self.program(node).with_context(|| format!("cannot prepare {}", node.name))?;
        program.group = fault::group(node.address.ip());
        program.log = self.log_file(&node.name);
        let made_of = program.made_of();
        if node.is_postgres() {
            self.mark_start(node)?;
        }
        if node.kind == Kind::Broker {
            self.start_epmd(node)?;
        }
        program.spawn()?.save(&self.record_file(&node.name), made_of)?;
        if node.is_watched() {
            self.publish_endpoints(None)?;
        }
        Ok(())
    }

    /// Whether a running node would be started differently today: rebuilt, or configured anew.
    pub(crate) fn outdated(&self, node: &Node) -> Result<bool> {
        Ok(self.record(node).is_some() && Record::made_of(&self.record_file(&node.name)) != Some(self.program(node)?.made_of()))
    }

    fn program(&self, node: &Node) -> Result<Program> {
        match node.kind {
            Kind::Etcd => self.etcd_program(node),
            Kind::Postgres => self.patroni_program(node),
            Kind::Redis => self.redis_program(node),
            Kind::Broker => self.rabbitmq_program(node),
            Kind::Envoy => self.envoy_program(node),
            Kind::Service => self.service_program(node),
            Kind::Worker => self.worker_program(node),
            Kind::Checker => self.checker_program(node),
            Kind::Autoscaler => self.autoscaler_program(node),
            Kind::Edge => self.edge_program(node),
        }
    }

    fn ready(&self, node: &Node) -> bool {
        match node.kind {
            Kind::Etcd => crate::etcd::ready(node),
            Kind::Postgres => self.patroni_ready(node),
            Kind::Redis => self.redis_ready(node),
            Kind::Broker => self.secret(RABBITMQ).is_ok_and(|password| crate::rabbitmq::ready(node, &password)),
            Kind::Envoy => crate::probe::http_status(self.envoy_admin(), "/ready") == Some(200),
            Kind::Autoscaler => self.autoscaler_ready(),
            Kind::Edge | Kind::Service | Kind::Worker | Kind::Checker => {
                crate::probe::http_status(node.operator(), "/health/ready") == Some(200)
            }
        }
    }

    fn await_ready(&self, node: &Node, bound: Duration) -> Result<Start> {
        let begun = Instant::now();
        let mut seen = None;
        poll_every(step(node.kind), bound, || {
            seen = self.look(node);
            seen.is_some()
        });
        let what = match seen {
            Some(Start::Ended) => "ended",
            Some(start) => return Ok(start),
            None => "is not ready",
        };
        let log = self.log_file(&node.name);
        bail!("{} {what} after {} s; the end of {}:\n{}", node.name, begun.elapsed().as_secs(), log.display(), tail(&log, 15))
    }

    /// How a start turned out; None while it is under way.
    fn look(&self, node: &Node) -> Option<Start> {
        if self.record(node).is_none() {
            return Some(Start::Ended);
        }
        if self.ready(node) {
            return Some(Start::Ready);
        }
        (node.is_postgres() && self.lost_its_primary(node)).then_some(Start::Lost)
    }

    pub(crate) fn end(&self, node: &Node) -> Result<()> {
        let Some(record) = self.record(node) else { return self.end_leftovers(node) };
        let tree = self.processes(node);
        // A frozen process would never see the signal to stop.
        for process in &tree {
            process.signal(Signal::CONT);
        }
        // At TERM nginx breaks off what it sends.
        record.signal(if node.kind == Kind::Edge { Signal::QUIT } else { Signal::TERM });
        if !record.wait_gone(STOP_BOUND) {
            for process in &tree {
                process.signal(Signal::KILL);
            }
        }
        self.wait_ended(&node.name, &tree)
    }

    /// Everything that runs for a node.
    pub(crate) fn processes(&self, node: &Node) -> Vec<Record> {
        // What the autoscaler has started are nodes of their own.
        let tree = |record: Record| if node.kind == Kind::Autoscaler { vec![record] } else { record.tree() };
        let mut all = self.record(node).map(tree).unwrap_or_default();
        if node.is_postgres() {
            all.extend(self.postgres_processes(node));
        }
        all.sort_unstable_by_key(|process| process.pid);
        all.dedup();
        all
    }

    /// Only when the last worker is gone can the node start again.
    pub(crate) fn wait_ended(&self, name: &str, tree: &[Record]) -> Result<()> {
        ensure!(poll(STOP_BOUND, || tree.iter().all(|process| !process.alive())), "{name} did not end");
        let _ = fs::remove_file(self.record_file(name));
        Ok(())
    }
}

/// How the start of a node turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Ready,
    Ended,
    /// A replica whose primary no longer has the log that it needs: it would wait for ever.
    Lost,
}

fn step(kind: Kind) -> Duration {
    match kind {
        Kind::Postgres => PATRONI_STEP,
        Kind::Broker => BROKER_STEP,
        _ => STEP,
    }
}

/// Whether a program is on this machine.
pub fn find(program: &str) -> bool {
    find_program(program).is_some()
}

/// Where it is.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|path| path.exists())
}

/// The last lines of a log.
pub fn tail(path: &Path, lines: usize) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
