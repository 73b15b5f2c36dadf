//! A stack: its folder, its nodes, and where each of their files is.

use std::fs;
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::block;
use crate::process::Record;
use crate::state::State;
use crate::topology::{Kind, Node, Topology};
use crate::{place, port};

pub const STANDARD: &str = "standard";

/// How a stack is to be created or brought back; what is absent stays as it was.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// 0 picks a free one, once.
    pub port: Option<u16>,
    /// The same for the edge.
    pub edge_port: Option<u16>,
    pub replica_delay_ms: Option<u64>,
    /// A file of `deploy/local/topologies`.
    pub topology: Option<String>,
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
        Self::find(folder)?.with_context(|| format!("there is no stack in {}: run `make up`", folder.display()))
    }

    /// The same; None if there is none.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let folder = match folder.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found.with_context(|| format!("cannot enter {}", folder.display()))?,
        };
        let Some(state) = State::load(&folder)? else { return Ok(None) };
        Self::assemble(folder, state).map(Some)
    }

    /// Opens the stack, creating it if it is new: folders, addresses, port, secrets. Starts nothing.
    pub fn create(folder: &Path, options: &Options) -> Result<Self> {
        let folder = place::make(folder)?;
        let before = State::load(&folder)?;
        let state = next_state(&folder, options, before)?;
        let stack = Self::assemble(folder, state)?;
        stack.save_state()?;
        stack.make_secrets()?;
        Ok(stack)
    }

    fn assemble(folder: PathBuf, state: State) -> Result<Self> {
        let project = find_project(&folder)?;
        let mut topology = Topology::load(&project.join("deploy/local/topologies"), &state.topology)?;
        topology.grow(state.shards);
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

    /// What a node that is copied, or is a copy, is now, and how far behind; None for the others.
    pub fn role(&self, node: &Node) -> Option<String> {
        match node.kind {
            Kind::Postgres => self.postgres_role(node),
            Kind::Redis => self.redis_role(node),
            _ => None,
        }
    }

    /// Where a node writes its log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.log_file(name)
    }

    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.state.port.number)
    }

    /// Whether the port is another than the usual one although nobody asked for that.
    pub fn gave_way(&self) -> bool {
        !self.state.port.asked && self.state.port.number != port::API.usual
    }

    /// Held while the whole stack goes up or down: two of these at once would start nodes twice.
    pub(crate) fn lock(&self) -> Result<fs::File> {
        self.lock_named("lock")
    }

    /// Held until a started node is recorded.
    pub(crate) fn lock_node(&self, name: &str) -> Result<fs::File> {
        self.lock_named(&format!("{name}.lock"))
    }

    fn lock_named(&self, name: &str) -> Result<fs::File> {
        // An interrupted `clean` may have deleted the folder.
        fs::create_dir_all(self.folder.join("run"))?;
        let path = self.folder.join("run").join(name);
        let mut file = fs::File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        if file.try_lock().is_err() {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            eprintln!("stack: waiting for process {holder}, which holds {}", path.display());
            file.lock()?;
        }
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())?;
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
        self.data_folder().join(name)
    }

    pub(crate) fn data_folder(&self) -> PathBuf {
        self.state.data.clone().unwrap_or_else(|| self.folder.join("data"))
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

    pub(crate) fn save_state(&self) -> Result<()> {
        self.state.save(&self.folder)
    }
}

fn next_state(folder: &Path, options: &Options, before: Option<State>) -> Result<State> {
    let topology = before.as_ref().map(|state| state.topology.clone()).or(options.topology.clone()).unwrap_or(STANDARD.into());
    let wanted = options.topology.as_ref().unwrap_or(&topology);
    ensure!(*wanted == topology, "this stack has the topology {topology}: `stack clean` first, or another STACK_DIR for {wanted}");
    // Our own servers are no strangers in the block, should the claim have been lost while they run.
    let own = before.as_ref().map(|state| state.block).filter(|_| any_alive(folder));
    let in_use = |block| Some(block) != own && block::listening(block);
    let data = match &before {
        Some(state) if state.data.is_some() => state.data.clone(),
        _ => place::for_data(folder, &find_project(folder)?)?,
    };
    let port = port::API.choose(options.port, before.as_ref().map(|state| state.port), alive(folder, "envoy"))?;
    let edge_port = port::EDGE.choose(options.edge_port, before.as_ref().and_then(|state| state.edge_port), alive(folder, "envoy"))?;
    ensure!(port.number != edge_port.number, "the load balancer and the edge cannot both have port {}: set EDGE_PORT=", port.number);
    Ok(State {
        block: block::claim(&block::claims_folder()?, folder, before.as_ref().map(|state| state.block), in_use)?,
        port,
        edge_port: Some(edge_port),
        edge_origin: before.as_ref().and_then(|state| state.edge_origin),
        topology,
        data,
        replica_delay_ms: options.replica_delay_ms.or(before.as_ref().map(|state| state.replica_delay_ms)).unwrap_or(0),
        shards: before.as_ref().map_or(0, |state| state.shards),
        clocks: before.as_ref().map(|state| state.clocks.clone()).unwrap_or_default(),
        extra: before.map(|state| state.extra).unwrap_or_default(),
    })
}

fn any_alive(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join("run")) else { return false };
    let mut files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "pid"));
    files.any(|path| Record::load(&path).is_some_and(|record| record.alive()))
}

/// Whether a node runs, for when there is no handle yet.
pub fn alive(folder: &Path, node: &str) -> bool {
    Record::load(&folder.join("run").join(format!("{node}.pid"))).is_some_and(|record| record.alive())
}

/// The clone: the state folder lies in it, or the command runs in it.
pub fn find_project(folder: &Path) -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let above = |start: &Path| start.ancestors().find(|path| path.join("deploy/local/topologies").is_dir()).map(Path::to_path_buf);
    above(&std::path::absolute(folder)?)
        .or_else(|| above(&here))
        .context("run this inside the clone: deploy/local/topologies was not found")
}
