//! Patroni: runs the Postgres of a node, and decides with its siblings who leads the shard.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde::Deserialize;

use crate::postgres::{SUPERUSER, bin, sockets, user};
use crate::program::Program;
use crate::stack::Stack;
use crate::topology::{Kind, Node};
use crate::{command, files, probe};

pub const REPLICATOR: &str = "replicator";
pub const REWIND: &str = "rewind";
/// Guards what of Patroni's REST interface changes something.
pub const PATRONI: &str = "patroni";

/// `patronictl` waits for a new leader by itself.
const ORDER_BOUND: Duration = Duration::from_mins(1);

impl Stack {
    /// Renders the node's configuration anew: addresses may have changed.
    pub(crate) fn patroni_program(&self, node: &Node) -> Result<Program> {
        self.make_postgres_folders(node)?;
        let file = self.configure(node)?;
        let (python, cwd) = (self.venv()?.join("bin/python3"), self.data(&node.name));
        let args = vec!["-m".into(), "patroni".into(), file.display().to_string()];
        // The interpreter may not write beside a program of another user.
        let env = [("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())].into();
        Ok(Program { path: python, args, env, cwd, user: user(), ..Program::default() })
    }

    /// The node takes writes, or acknowledges them and may take over: the primary's word counts, since a node that was frozen or cut off
    /// goes on for a while with what it knew.
    pub(crate) fn patroni_ready(&self, node: &Node) -> bool {
        if told(node).is_none_or(|told| told.state != "running") {
            return false;
        }
        let [leader] = &self.leaders(&node.group)[..] else { return false };
        let acknowledges = |standby: &Standby| standby.application_name == node.name && standby.sync_state == "quorum";
        leader == node || told(leader).is_some_and(|told| told.replication.iter().any(acknowledges))
    }

    /// The node of a shard that leads it now.
    pub fn leader(&self, shard: &str) -> Result<Node> {
        self.leaders(shard).into_iter().next().with_context(|| format!("{shard} has no leader now"))
    }

    /// Those that say so: for a moment also one that was frozen, until it sees that its lock is gone.
    pub fn leaders(&self, shard: &str) -> Vec<Node> {
        self.group(Kind::Postgres, shard).into_iter().filter(leads).collect()
    }

    /// Hands a shard over to another of its nodes in order, whichever Patroni finds best; returns when that leads.
    pub fn switchover(&self, shard: &str) -> Result<()> {
        let leader = self.leader(shard)?;
        self.patronictl(&leader, &["switchover", "--leader", &leader.name, "--force", shard])?;
        ensure!(self.leader(shard)? != leader, "{} still leads {shard}", leader.name);
        Ok(())
    }

    /// The same to this very node, unless it leads already.
    pub fn switchover_to(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        let leader = self.leader(&node.group)?;
        if leader == node {
            return Ok(());
        }
        self.patronictl(&leader, &["switchover", "--leader", &leader.name, "--candidate", name, "--force", &node.group])?;
        ensure!(self.leader(&node.group)? == node, "{name} does not lead");
        Ok(())
    }

    /// Changes what the nodes of a shard have in common until the next start: `name=value` of `cluster.yaml`.
    pub fn set_cluster(&self, shard: &str, setting: &str) -> Result<()> {
        let leader = self.leader(shard)?;
        self.patronictl(&leader, &["edit-config", "--force", "--quiet", "--set", setting, shard])
    }

    /// Tells a running node of what changed in its configuration.
    pub(crate) fn refresh_patroni(&self, node: &Node) -> Result<()> {
        let before = fs::read_to_string(self.patroni_file(node)).unwrap_or_default();
        let Some(record) = self.record(node).filter(|_| before != self.patroni_config(node).unwrap_or_default()) else { return Ok(()) };
        self.configure(node)?;
        record.signal(Signal::HUP);
        Ok(())
    }

    /// Brings what the shard's nodes have in common to what the file says; a new shard has begun with that.
    pub(crate) fn refresh_cluster(&self, shard: &str, new: bool) -> Result<()> {
        let (kept, wanted) = (self.folder.join("run").join(format!("{shard}.yaml")), self.cluster_config()?);
        if new {
            return files::write(&kept, wanted.as_bytes(), 0o644);
        }
        if fs::read_to_string(&kept).is_ok_and(|kept| kept == wanted) {
            return Ok(());
        }
        let leader = self.leader(shard)?;
        let fresh = kept.with_extension("yaml.new");
        files::write(&fresh, wanted.as_bytes(), 0o644)?;
        self.patronictl(&leader, &["edit-config", "--force", "--quiet", "--replace", &fresh.display().to_string(), shard])?;
        Ok(fs::rename(fresh, kept)?)
    }

    fn patronictl(&self, node: &Node, order: &[&str]) -> Result<()> {
        let venv = self.venv()?;
        let mut ctl = Command::new(venv.join("bin/python3"));
        ctl.arg(venv.join("bin/patronictl")).arg("--config-file").arg(self.patroni_file(node)).args(order).current_dir("/");
        command::run(&mut ctl, &format!("patronictl {}", order[0]), ORDER_BOUND)
    }

    fn configure(&self, node: &Node) -> Result<PathBuf> {
        let file = self.patroni_file(node);
        files::write(&file, self.patroni_config(node)?.as_bytes(), 0o600)?;
        files::give(&file, user().as_deref())?;
        Ok(file)
    }

    fn patroni_config(&self, node: &Node) -> Result<String> {
        let address = node.address.ip().to_string();
        let password = |name: &str| anyhow::Ok(format!("password: '{}'", self.secret(name)?));
        self.render(
            "postgres/patroni.yaml",
            &[
                ("name", &format!("scope: '{}'\nname: '{}'", node.group, node.name)),
                ("address", &address),
                ("rest_address", &format!("connect_address: '{address}:8008'")),
                ("postgres_address", &format!("connect_address: '{address}:5432'")),
                ("etcd", &self.etcd_hosts()),
                ("cluster", &in_bootstrap(&self.cluster_config()?)),
                ("data", &self.data(&node.name).display().to_string()),
                ("bin", &bin(&self.pgdata(node))?.display().to_string()),
                ("sockets", &sockets(node).display().to_string()),
                ("replay_delay", &format!("{}ms", self.state.replica_delay_ms)),
                ("superuser_password", &password(SUPERUSER)?),
                ("replication_password", &password(REPLICATOR)?),
                ("rewind_password", &password(REWIND)?),
                ("patroni_password", &password(PATRONI)?),
            ],
        )
    }

    fn cluster_config(&self) -> Result<String> {
        self.render("postgres/cluster.yaml", &[])
    }

    fn patroni_file(&self, node: &Node) -> PathBuf {
        self.data(&node.name).join("patroni.yaml")
    }

    /// Where `install.sh` put the Python programs: for a clone that the user postgres cannot enter, outside of it.
    fn venv(&self) -> Result<PathBuf> {
        let venv = self.project.join(".stack/venv").canonicalize();
        let venv = venv.context("Patroni is missing: run deploy/local/install.sh")?;
        ensure!(venv.join("bin/patroni").exists(), "Patroni is missing: run deploy/local/install.sh");
        Ok(venv)
    }
}

/// As deep as it stands in the configuration of a node.
pub(crate) fn in_bootstrap(cluster: &str) -> String {
    cluster.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

/// Whether this node holds the lock and takes writes.
pub fn leads(node: &Node) -> bool {
    probe::http_status(rest(node), "/primary") == Some(200)
}

fn told(node: &Node) -> Option<Told> {
    let (_, body) = probe::http_get(rest(node), "/patroni")?;
    serde_json::from_str(&body).ok()
}

/// What Patroni says of its node.
#[derive(Deserialize)]
struct Told {
    state: String,
    /// A primary's standbys.
    #[serde(default)]
    replication: Vec<Standby>,
}

#[derive(Deserialize)]
struct Standby {
    application_name: String,
    sync_state: String,
}

/// Patroni's REST interface.
fn rest(node: &Node) -> SocketAddr {
    SocketAddr::new(node.address.ip(), 8008)
}
