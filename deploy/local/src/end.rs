//! Ending everything, also what crashes left behind and when nothing tells any more what ran.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use rustix::process::Signal;

use crate::life::STOP_BOUND;
use crate::process::{Record, orphans, poll};
use crate::stack::{Stack, find_project};
use crate::topology::{Kind, Node, Topology};
use crate::up::together;
use crate::{block, disk, fault, place};

/// The beginnings of the programs' names; the services are added to them.
const SERVERS: [&str; 13] = [
    "nginx",
    "postgres",
    "patroni",
    "etcd",
    "redis-",
    "valkey-",
    "envoy",
    "beam",
    "epmd",
    "erl_child_setup",
    "inet_gethost",
    "erlexec",
    "stack",
];

/// `down` for whatever is in this folder; nothing there is no error.
pub fn down(folder: &Path) -> Result<()> {
    match Stack::find(folder) {
        Ok(Some(stack)) => stack.down(),
        // Whatever is wrong with the state: what runs is found by where it runs.
        Ok(None) => sweep(folder),
        Err(error) => sweep(folder).and(Err(error)),
    }
}

/// `down`, then deletes data, logs and secrets, and gives the block of addresses back. Can be repeated after an interruption.
pub fn clean(folder: &Path) -> Result<()> {
    if let Err(error) = down(folder) {
        // Data is not deleted under what still runs.
        ensure!(running(folder).is_empty(), error);
        eprintln!("stack: {error:#}");
    }
    let folder = real(folder);
    if let Ok(Some(stack)) = Stack::find(&folder) {
        stack.nodes().iter().try_for_each(|node| disk::unmount(&stack.data(&node.name)))?;
        place::remove(&stack.data_folder())?;
        stack.nodes().iter().filter(|node| node.is_postgres()).try_for_each(|node| place::remove(&crate::postgres::sockets(node)))?;
    }
    if let Ok(project) = find_project(&folder) {
        place::remove(&place::elsewhere(&folder, &project))?;
    }
    // The state goes last: as long as it is there a second `clean` finds everything.
    for part in ["logs", "data", "secrets", "run", "test.json", "state.json"] {
        place::remove(&folder.join(part))?;
    }
    block::release(&block::claims_folder()?, &folder)
}

impl Stack {
    /// Ends everything. What does not end keeps nothing else from ending.
    pub fn down(&self) -> Result<()> {
        let _lock = self.lock()?;
        // Workers may have come and gone while the lock was waited for.
        let nodes = Self::open(&self.folder)?.nodes();
        let mut failures = vec![];
        let of = |kinds: &[Kind]| -> Vec<&Node> { nodes.iter().filter(|node| kinds.contains(&node.kind)).collect() };
        failures.extend(
            together(&of(&[Kind::Autoscaler, Kind::Envoy, Kind::Edge, Kind::Service, Kind::Worker, Kind::Checker]), |node| self.end(node))
                .err(),
        );
        failures.extend(self.end_shards(&of(&[Kind::Postgres])).err());
        failures.extend(together(&of(&[Kind::Redis, Kind::Broker, Kind::Etcd]), |node| self.end(node)).err());
        // Where no rule can be read none was made.
        if fault::unusable().is_none() {
            failures.extend(nodes.iter().filter_map(|node| fault::restore(node.address.ip()).err()));
        }
        failures.extend(sweep(&self.folder).err());
        match &failures[..] {
            [] => Ok(()),
            many => bail!(many.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n")),
        }
    }

    /// One by one, every node would first be replaced by another. So the standbys' Patronis are shot, the primaries end in order and give
    /// their lock back, and what they wrote last still reaches the standbys: at the next start everybody has the same and any may lead.
    fn end_shards(&self, nodes: &[&Node]) -> Result<()> {
        let (leaders, standbys): (Vec<&Node>, Vec<&Node>) = nodes.iter().partition(|node| crate::patroni::leads(node));
        let shot = together(&standbys, |node| self.shoot_patroni(node));
        let ended = together(&leaders, |node| self.end(node));
        shot.and(ended).and(together(&standbys, |node| self.end_leftovers(node)))
    }

    fn shoot_patroni(&self, node: &Node) -> Result<()> {
        let Some(patroni) = self.record(node) else { return Ok(()) };
        patroni.signal(Signal::KILL);
        self.wait_ended(&node.name, &[patroni])
    }

    /// `down`, then deletes everything.
    pub fn clean(self) -> Result<()> {
        clean(&self.folder)
    }

    /// Ends what a crash left of this very node between its start and its record.
    pub(crate) fn end_leftovers(&self, node: &Node) -> Result<()> {
        let data = self.data(&node.name);
        end_orphans(&orphans(&data, &programs(&self.folder)))?;
        // Nobody is left, so the pid in it is a stranger's by now, or will be.
        if node.is_postgres() { place::remove(&self.pgdata(node).join("postmaster.pid")) } else { Ok(()) }
    }
}

fn sweep(folder: &Path) -> Result<()> {
    end_orphans(&running(folder))
}

/// Every program of a stack that runs, whether recorded or not.
fn running(folder: &Path) -> Vec<Record> {
    let folder = real(folder);
    let mut places = vec![folder.join("data")];
    places.extend(find_project(&folder).map(|project| place::elsewhere(&folder, &project)));
    places.extend(Stack::find(&folder).ok().flatten().map(|stack| stack.data_folder()));
    let known = programs(&folder);
    let mut all: Vec<Record> = places.iter().flat_map(|data| orphans(data, &known)).collect();
    all.sort_unstable_by_key(|record| record.pid);
    all.dedup();
    all
}

/// What a stack's programs are called.
fn programs(folder: &Path) -> Vec<String> {
    let topologies = find_project(folder).map(|project| project.join("deploy/local/topologies"));
    let topology = topologies.and_then(|topologies| Topology::load(&topologies, crate::stack::STANDARD));
    let services = topology.map(|topology| topology.services).unwrap_or_default();
    SERVERS.into_iter().map(str::to_owned).chain(services.into_iter().map(|service| service.name)).collect()
}

/// Processes know their real working directory, even of a folder that was deleted under them.
fn real(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_path_buf())
}

/// In order first: a Postgres that is shot leaves a lock file that names a pid, and a pid can come back.
fn end_orphans(left: &[Record]) -> Result<()> {
    for process in left {
        process.signal(Signal::CONT);
        process.signal(Signal::INT);
    }
    let gone = || left.iter().all(|process| !process.alive());
    if !poll(STOP_BOUND, gone) {
        for process in left {
            process.signal(Signal::KILL);
        }
    }
    ensure!(poll(STOP_BOUND, gone), "some processes did not end");
    Ok(())
}
