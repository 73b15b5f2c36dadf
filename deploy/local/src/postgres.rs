//! Postgres nodes: the first data of primaries and replicas, and their configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::program::{Program, become_user};
use crate::stack::Stack;
use crate::topology::{Kind, Node};
use crate::{command, files, place};

pub const SUPERUSER: &str = "postgres";

const INSTALLED: &str = "/usr/lib/postgresql";
/// Copying is bounded by the disk: tens of gigabytes take minutes.
const COPY_BOUND: Duration = Duration::from_mins(30);
const INIT_BOUND: Duration = Duration::from_mins(2);

impl Stack {
    /// Makes the node's data if it has none, and renders its configuration anew: addresses may have changed.
    pub(crate) fn postgres_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        if !data.exists() {
            self.make_data(node, &data)?;
        }
        self.configure(node, &data)?;
        let args = vec!["-D".into(), data.display().to_string()];
        Ok(Program { path: server(&data)?, args, cwd: data, user: user(), ..Program::default() })
    }

    /// Deletes the data of a replica that can never catch up; its next start copies the primary anew.
    pub(crate) fn forget_copy(&self, node: &Node) -> Result<()> {
        ensure!(node.kind == Kind::Replica, "{} is no copy", node.name);
        self.end(node)?;
        place::remove(&self.data(&node.name))
    }

    /// A crash half-way must not leave something that looks like data: it is made beside, then renamed.
    fn make_data(&self, node: &Node, data: &Path) -> Result<()> {
        let fresh = self.data(&format!("{}.new", node.name));
        place::remove(&fresh)?;
        fs::create_dir(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700))?;
        files::give(&fresh, user().as_deref())?;
        if node.kind == Kind::Primary {
            self.init(&fresh)?;
        } else {
            self.copy_primary(node, &fresh)?;
        }
        fs::rename(&fresh, data)?;
        Ok(())
    }

    fn init(&self, data: &Path) -> Result<()> {
        let password = data.with_extension("password");
        files::write(&password, self.secret(SUPERUSER)?.as_bytes(), 0o600)?;
        files::give(&password, user().as_deref())?;
        let mut initdb = tool("initdb")?;
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"]);
        initdb.args(["--username", SUPERUSER, "--pwfile"]).arg(&password).arg("--pgdata").arg(data);
        let made = command::run(&mut initdb, "initdb", INIT_BOUND);
        place::remove(&password)?;
        made
    }

    fn copy_primary(&self, node: &Node, data: &Path) -> Result<()> {
        let primary = self.primary(&node.group)?;
        let mut copy = tool("pg_basebackup")?;
        copy.env("PGPASSWORD", self.secret("replicator")?).env("PGCONNECT_TIMEOUT", "10");
        copy.args(["--username=replicator", "--wal-method=stream", "--checkpoint=fast", "--no-password"]);
        copy.arg(format!("--host={}", primary.address.ip())).arg("--pgdata").arg(data);
        command::run(&mut copy, "pg_basebackup", COPY_BOUND)
    }

    fn configure(&self, node: &Node, data: &Path) -> Result<()> {
        let config = self.postgres_config(node, data)?;
        let access = self.render("postgres/pg_hba.conf", &[])?;
        for (name, content) in [("postgresql.conf", config), ("pg_hba.conf", access)] {
            files::write(&data.join(name), content.as_bytes(), 0o600)?;
            files::give(&data.join(name), user().as_deref())?;
        }
        if node.kind == Kind::Replica {
            files::write(&data.join("standby.signal"), b"", 0o600)?;
            files::give(&data.join("standby.signal"), user().as_deref())?;
        }
        Ok(())
    }

    /// Tells a running node of what changed in its configuration: which replicas may acknowledge a write, how late one applies.
    pub(crate) fn refresh_postgres(&self, node: &Node) -> Result<()> {
        let data = self.data(&node.name);
        let before = fs::read_to_string(data.join("postgresql.conf")).unwrap_or_default();
        if self.record(node).is_none() || self.postgres_config(node, &data)? == before {
            return Ok(());
        }
        self.configure(node, &data)?;
        self.ask_postgres(node, "SELECT pg_reload_conf()").with_context(|| format!("{} does not answer", node.name))?;
        Ok(())
    }

    fn postgres_config(&self, node: &Node, data: &Path) -> Result<String> {
        let replica = node.kind == Kind::Replica;
        let delay = format!("{}ms", if replica { self.state.replica_delay_ms } else { 0 });
        self.render(
            "postgres/postgresql.conf",
            &[
                ("name", &node.name),
                ("address", &node.address.ip().to_string()),
                ("data", &data.display().to_string()),
                ("synchronous", &if replica { String::new() } else { self.synchronous(&node.group) }),
                ("replay_delay", &delay),
                ("primary", &if replica { self.upstream(node)? } else { String::new() }),
            ],
        )
    }

    /// Any one of the shard's replicas.
    fn synchronous(&self, shard: &str) -> String {
        let names: Vec<String> = self.group(Kind::Replica, shard).iter().map(|node| format!("\"{}\"", node.name)).collect();
        if names.is_empty() { String::new() } else { format!("ANY 1 ({})", names.join(", ")) }
    }

    fn upstream(&self, node: &Node) -> Result<String> {
        Ok(format!(
            "host={} port=5432 user=replicator password={} application_name={} connect_timeout=3 keepalives_idle=5",
            self.primary(&node.group)?.address.ip(),
            self.secret("replicator")?,
            node.name
        ))
    }

    pub(crate) fn primary(&self, shard: &str) -> Result<Node> {
        self.group(Kind::Primary, shard).into_iter().next().with_context(|| format!("there is no shard {shard}"))
    }
}

/// Postgres refuses root.
pub fn user() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "postgres".to_owned())
}

/// A program of the newest Postgres of this machine.
pub fn bin(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir(INSTALLED).context("PostgreSQL is missing: run deploy/local/install.sh")?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let newest = versions.flatten().map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
    Ok(newest.context("PostgreSQL is missing: run deploy/local/install.sh")?.join("bin").join(name))
}

/// The server of the version that made the data: another one would refuse it.
fn server(data: &Path) -> Result<PathBuf> {
    let version = fs::read_to_string(data.join("PG_VERSION")).with_context(|| format!("{} is not Postgres' data", data.display()))?;
    let (version, path) = (version.trim(), Path::new(INSTALLED).join(version.trim()).join("bin/postgres"));
    ensure!(path.exists(), "{} was made by PostgreSQL {version}, which is not installed: install it, or `make clean`", data.display());
    Ok(path)
}

fn tool(name: &str) -> Result<Command> {
    let program = bin(name)?;
    let Some(user) = user() else { return Ok(Command::new(program)) };
    let prefix = become_user(&user);
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).arg(program).current_dir("/");
    Ok(command)
}
