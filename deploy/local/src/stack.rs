//! A stack: its folder, its nodes, and what can be done to them.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::block::{self, Block};
use crate::process::Record;
use crate::topology::{Kind, Node, Topology};

/// What a stack remembers between two commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub block: Block,
    pub port: u16,
    pub replica_delay_ms: u64,
    /// How many nodes were added to a shard or service.
    pub extra: BTreeMap<String, u8>,
}

/// How a stack is to be created or brought back; what is absent stays as it was.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// 0 picks a free one, once.
    pub port: Option<u16>,
    pub replica_delay_ms: Option<u64>,
}

/// The handle. Every method blocks: from async code, call it on a blocking thread.
#[derive(Debug, Clone)]
pub struct Stack {
    pub(crate) folder: PathBuf,
    pub(crate) project: PathBuf,
    pub(crate) state: State,
    pub(crate) topology: Topology,
}

impl Stack {
    /// The stack that `up` created in this folder (`.stack` of a clone, unless `STACK_DIR` said otherwise).
    pub fn open(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("there is no stack in {}: run `make up`", folder.display()))?;
        let state = load_state(&folder).with_context(|| format!("there is no stack in {}: run `make up`", folder.display()))?;
        Self::assemble(folder, state)
    }

    /// Opens the stack, creating it if it is new: folders, addresses, port, secrets. Starts nothing.
    pub fn create(folder: &Path, options: &Options) -> Result<Self> {
        for part in ["run", "logs", "data", "secrets"] {
            fs::create_dir_all(folder.join(part)).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let folder = folder.canonicalize()?;
        let before = load_state(&folder);
        // Our own servers are no strangers in the block, should the claim have been lost while they run.
        let own = before.as_ref().map(|state| state.block).filter(|_| any_alive(&folder));
        let in_use = |block| Some(block) != own && block::listening(block);
        let block = block::claim(&block::claims_folder()?, &folder, before.as_ref().map(|state| state.block), in_use)?;
        let state = State {
            block,
            port: choose_port(options.port, before.as_ref().map(|state| state.port))?,
            replica_delay_ms: options.replica_delay_ms.or(before.as_ref().map(|state| state.replica_delay_ms)).unwrap_or(0),
            extra: before.map(|state| state.extra).unwrap_or_default(),
        };
        let stack = Self::assemble(folder, state)?;
        stack.save_state()?;
        stack.make_secrets()?;
        Ok(stack)
    }

    fn assemble(folder: PathBuf, state: State) -> Result<Self> {
        let project = find_project(&folder)?;
        let topology = Topology::load(&project.join("deploy/local/topologies"), "standard")?;
        Ok(Self { folder, project, state, topology })
    }

    pub fn nodes(&self) -> Vec<Node> {
        self.topology.nodes(self.state.block, &self.state.extra)
    }

    pub fn node(&self, name: &str) -> Result<Node> {
        self.nodes().into_iter().find(|node| node.name == name).with_context(|| format!("there is no node {name}"))
    }

    /// The nodes that a name means: one node, or all of a service, shard or Redis.
    pub fn select(&self, name: &str) -> Result<Vec<Node>> {
        let found: Vec<Node> = self.nodes().into_iter().filter(|node| node.name == name || node.group == name).collect();
        if found.is_empty() {
            let names: Vec<String> = self.nodes().into_iter().map(|node| node.name).collect();
            bail!("there is no node or service {name}; there are {}", names.join(", "));
        }
        Ok(found)
    }

    /// Ends a node as a crash would, workers included.
    pub fn kill(&self, name: &str) -> Result<()> {
        let Some(record) = self.record(&self.node(name)?) else { return Ok(()) };
        let tree = record.tree();
        for process in &tree {
            process.signal(Signal::KILL);
        }
        self.wait_ended(name, &tree)
    }

    /// Freezes a node: its connections stay open and nothing answers.
    pub fn pause(&self, name: &str) -> Result<()> {
        self.signal_tree(name, Signal::STOP)
    }

    pub fn resume(&self, name: &str) -> Result<()> {
        self.signal_tree(name, Signal::CONT)
    }

    /// Drops every packet to and from the node's address.
    pub fn cut(&self, name: &str) -> Result<()> {
        crate::fault::cut(self.node(name)?.address.ip())
    }

    pub fn restore(&self, name: &str) -> Result<()> {
        crate::fault::restore(self.node(name)?.address.ip())
    }

    /// Adds and starts one more instance of a service, or one more replica of a shard.
    pub fn add(&mut self, group: &str) -> Result<Node> {
        let known = self.topology.services.iter().any(|service| service.name == group)
            || self.topology.shards.iter().any(|shard| shard.name == group);
        anyhow::ensure!(known, "{group} is neither a service nor a shard");
        let extra = self.state.extra.entry(group.to_owned()).or_default();
        anyhow::ensure!(*extra < 8, "{group} has its 8 additional nodes already");
        *extra += 1;
        self.save_state()?;
        let node = self.nodes().into_iter().rfind(|node| node.group == group).context("the new node exists")?;
        self.start(&node.name)?;
        if node.is_postgres() {
            self.reload_primary(group)?;
        }
        self.write_description()?;
        Ok(node)
    }

    /// What a Postgres node is, and how far behind; None for the others.
    pub fn role(&self, node: &Node) -> Option<String> {
        node.is_postgres().then(|| self.postgres_role(node)).flatten()
    }

    /// Where a node writes its log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.log_file(name)
    }

    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.state.port)
    }

    /// Held while the whole stack goes up or down: two of these at once would start nodes twice.
    pub(crate) fn lock(&self) -> Result<fs::File> {
        let file = fs::File::options().create(true).append(true).open(self.folder.join("run/lock"))?;
        file.lock()?;
        Ok(file)
    }

    pub(crate) fn record(&self, node: &Node) -> Option<Record> {
        Record::load(&self.record_file(&node.name)).filter(Record::alive)
    }

    pub(crate) fn record_file(&self, name: &str) -> PathBuf {
        self.folder.join("run").join(format!("{name}.pid"))
    }

    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    /// A file under `deploy/`, filled.
    pub(crate) fn render(&self, template: &str, values: &[(&str, &str)]) -> Result<String> {
        let path = self.project.join("deploy").join(template);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        crate::template::render(&text, values).with_context(|| path.display().to_string())
    }

    pub(crate) fn group(&self, kind: Kind, group: &str) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| node.kind == kind && node.group == group).collect()
    }

    fn signal_tree(&self, name: &str, signal: Signal) -> Result<()> {
        let record = self.record(&self.node(name)?).with_context(|| format!("{name} is not running"))?;
        for process in record.tree() {
            process.signal(signal);
        }
        Ok(())
    }

    fn save_state(&self) -> Result<()> {
        crate::files::write(&self.folder.join("state.json"), &serde_json::to_vec_pretty(&self.state)?, 0o644)
    }
}

fn load_state(folder: &Path) -> Option<State> {
    serde_json::from_slice(&fs::read(folder.join("state.json")).ok()?).ok()
}

fn any_alive(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join("run")) else { return false };
    let mut files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "pid"));
    files.any(|path| Record::load(&path).is_some_and(|record| record.alive()))
}

fn choose_port(wanted: Option<u16>, before: Option<u16>) -> Result<u16> {
    match (wanted, before) {
        (Some(0), None) => Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()),
        (Some(0) | None, Some(port)) | (Some(port), _) => Ok(port),
        (None, None) => Ok(8080),
    }
}

/// The clone: the state folder lies in it, or the command runs in it.
fn find_project(folder: &Path) -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let above = |start: &Path| start.ancestors().find(|path| path.join("deploy/local/topologies").is_dir()).map(Path::to_path_buf);
    above(folder).or_else(|| above(&here)).context("run this inside the clone: deploy/local/topologies was not found")
}
