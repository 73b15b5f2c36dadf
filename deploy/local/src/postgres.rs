//! Where a Postgres node's data is and which programs fit it. Patroni makes the data, starts and ends the server.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::process::{Record, orphans};
use crate::stack::Stack;
use crate::topology::Node;
use crate::{files, place};

pub const SUPERUSER: &str = "postgres";

const INSTALLED: &str = "/usr/lib/postgresql";

impl Stack {
    pub(crate) fn pgdata(&self, node: &Node) -> PathBuf {
        self.data(&node.name).join("pgdata")
    }

    pub(crate) fn make_postgres_folders(&self, node: &Node) -> Result<()> {
        let data = self.data(&node.name);
        ensure!(!data.join("PG_VERSION").exists(), "{} was made before Patroni ran the nodes: `make clean` first", data.display());
        for folder in [data, sockets(node)] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
            files::give(&folder, user().as_deref())?;
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).with_context(|| format!("cannot change {}", folder.display()))?;
        }
        Ok(())
    }

    /// Ends the server of a node as a crash would; its Patroni lives on.
    pub fn kill_server(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        let server = self.server(&node).with_context(|| format!("{name} runs no Postgres"))?;
        ensure!(server.signal(Signal::KILL), "the Postgres of {name} has just ended");
        Ok(())
    }

    /// Every process of a Postgres node. The server is no child of the Patroni that started it.
    pub(crate) fn postgres_processes(&self, node: &Node) -> Vec<Record> {
        orphans(&self.data(&node.name), &["postgres".into(), "patroni".into()])
    }

    fn server(&self, node: &Node) -> Option<Record> {
        let text = fs::read_to_string(self.pgdata(node).join("postmaster.pid")).ok()?;
        let pid: i32 = text.lines().next()?.trim().parse().ok()?;
        self.postgres_processes(node).into_iter().find(|process| process.pid == pid)
    }

    /// Deletes the data of a replica that can never catch up; its next start copies the primary anew.
    pub(crate) fn forget_copy(&self, node: &Node) -> Result<()> {
        ensure!(!crate::patroni::leads(node), "{} leads {}", node.name, node.group);
        self.end(node)?;
        place::remove(&self.pgdata(node))
    }
}

/// The folder of the server's socket: its path must be short, wherever the stack's folder is.
pub fn sockets(node: &Node) -> PathBuf {
    Path::new("/tmp").join(format!("magnitude-postgres-{}", node.address.ip()))
}

/// Postgres refuses root.
pub fn user() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "postgres".to_owned())
}

/// The programs of the version that made this data: another one would refuse it. The newest if there is none yet.
pub fn bin(data: &Path) -> Result<PathBuf> {
    let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) else { return newest() };
    let (version, path) = (version.trim(), Path::new(INSTALLED).join(version.trim()).join("bin"));
    ensure!(path.exists(), "{} was made by PostgreSQL {version}, which is not installed: install it, or `make clean`", data.display());
    Ok(path)
}

/// The programs of the newest Postgres of this machine.
pub fn newest() -> Result<PathBuf> {
    let versions = fs::read_dir(INSTALLED).context("PostgreSQL is missing: run deploy/local/install.sh")?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let newest = versions.flatten().map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
    Ok(newest.context("PostgreSQL is missing: run deploy/local/install.sh")?.join("bin"))
}
