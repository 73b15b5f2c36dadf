//! Postgres nodes: the first data of primaries and replicas, configuration, roles, and how they are doing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

use crate::files;
use crate::process::{Program, become_user};
use crate::stack::Stack;
use crate::topology::{Kind, Node};

pub const SUPERUSER: &str = "postgres";

impl Stack {
    /// Makes the node's data if it has none, and renders its configuration anew: addresses may have changed.
    pub(crate) fn postgres_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        if !data.exists() {
            self.make_data(node, &data)?;
        }
        self.configure(node, &data)?;
        Ok(Program {
            path: bin("postgres")?,
            args: vec!["-D".into(), data.display().to_string()],
            cwd: data,
            user: user(),
            ..Program::default()
        })
    }

    /// A crash half-way must not leave something that looks like data: it is made beside, then renamed.
    fn make_data(&self, node: &Node, data: &Path) -> Result<()> {
        check_reachable(&self.folder)?;
        let fresh = self.data(&format!("{}.new", node.name));
        let _ = fs::remove_dir_all(&fresh);
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
        let output = tool("initdb")?
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
                "--no-instructions",
                "--username",
                SUPERUSER,
            ])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(data)
            .output()?;
        fs::remove_file(&password)?;
        succeeded(&output, "initdb")
    }

    fn copy_primary(&self, node: &Node, data: &Path) -> Result<()> {
        let primary = self.primary(&node.group)?;
        let output = tool("pg_basebackup")?
            .env("PGPASSWORD", self.secret("replicator")?)
            .args(["--username=replicator", "--wal-method=stream", "--checkpoint=fast", "--no-password"])
            .arg(format!("--host={}", primary.address.ip()))
            .arg("--pgdata")
            .arg(data)
            .output()?;
        succeeded(&output, "pg_basebackup")
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

    fn postgres_config(&self, node: &Node, data: &Path) -> Result<String> {
        let primary = self.primary(&node.group)?;
        let replica = node.kind == Kind::Replica;
        let names: Vec<String> = self.group(Kind::Replica, &node.group).iter().map(|node| format!("\"{}\"", node.name)).collect();
        let synchronous = if replica || names.is_empty() { String::new() } else { format!("ANY 1 ({})", names.join(", ")) };
        let upstream = format!(
            "host={} port=5432 user=replicator password={} application_name={} connect_timeout=3 keepalives_idle=5",
            primary.address.ip(),
            self.secret("replicator")?,
            node.name
        );
        let delay = format!("{}ms", if replica { self.state.replica_delay_ms } else { 0 });
        self.render(
            "postgres/postgresql.conf",
            &[
                ("name", &node.name),
                ("address", &node.address.ip().to_string()),
                ("data", &data.display().to_string()),
                ("synchronous", &synchronous),
                ("replay_delay", &delay),
                ("primary", if replica { &upstream } else { "" }),
            ],
        )
    }

    /// Tells a running primary which replicas there are now: each of them may acknowledge a write.
    pub(crate) fn reload_primary(&self, shard: &str) -> Result<()> {
        let primary = self.primary(shard)?;
        self.configure(&primary, &self.data(&primary.name))?;
        self.ask_postgres(&primary, "SELECT pg_reload_conf()").with_context(|| format!("{} does not answer", primary.name))?;
        Ok(())
    }

    /// Roles and databases of a shard, on its primary; changes nothing the second time.
    pub(crate) fn bootstrap(&self, primary: &Node) -> Result<()> {
        self.script(primary, "bootstrap.sql", &[("STACK_REPLICATION_PASSWORD", &self.secret("replicator")?)])?;
        for service in &self.topology.services {
            let secret = self.secret(&service.name)?;
            self.script(primary, "service.sql", &[("STACK_SERVICE", &service.name), ("STACK_PASSWORD", &secret)])?;
        }
        Ok(())
    }

    /// Secrets go through the environment: arguments can be read by everybody on the machine.
    fn script(&self, primary: &Node, file: &str, values: &[(&str, &str)]) -> Result<()> {
        let path = self.project.join("deploy/postgres").join(file);
        let output = self.psql(primary)?.envs(values.iter().copied()).stdin(fs::File::open(&path)?).output()?;
        succeeded(&output, file)
    }

    /// One value from a node; None if it does not answer.
    pub(crate) fn ask_postgres(&self, node: &Node, sql: &str) -> Option<String> {
        let output = self.psql(node).ok()?.stdin(Stdio::null()).args(["--tuples-only", "--no-align", "--command", sql]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A primary that takes writes, a replica that receives them.
    pub(crate) fn postgres_ready(&self, node: &Node) -> bool {
        let question = match node.kind {
            Kind::Primary => "SELECT NOT pg_is_in_recovery()",
            _ => "SELECT pg_is_in_recovery() AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')",
        };
        crate::probe::listens(node.address) && self.ask_postgres(node, question).as_deref() == Some("t")
    }

    /// Role and lag, in a few words.
    pub(crate) fn postgres_role(&self, node: &Node) -> Option<String> {
        self.ask_postgres(
            node,
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 'primary, ' || (SELECT count(*) FROM pg_stat_replication) || ' streaming'
             ELSE 'replica, lag ' || pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) || ' bytes' END",
        )
    }

    pub(crate) fn primary(&self, shard: &str) -> Result<Node> {
        self.group(Kind::Primary, shard).into_iter().next().with_context(|| format!("there is no shard {shard}"))
    }

    fn psql(&self, node: &Node) -> Result<Command> {
        let mut command = Command::new(bin("psql")?);
        command.env("PGPASSWORD", self.secret(SUPERUSER)?).env("PGCONNECT_TIMEOUT", "3").env("PGOPTIONS", "-c statement_timeout=60s");
        command.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--username", SUPERUSER, "--dbname=postgres"]);
        command.arg(format!("--host={}", node.address.ip()));
        Ok(command)
    }
}

/// Postgres refuses root.
pub fn user() -> Option<String> {
    rustix::process::geteuid().is_root().then(|| "postgres".to_owned())
}

/// The newest Postgres of this machine.
pub fn bin(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is missing: run deploy/local/install.sh")?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).unwrap_or(0);
    let newest = versions.flatten().map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
    Ok(newest.context("PostgreSQL is missing: run deploy/local/install.sh")?.join("bin").join(name))
}

fn tool(name: &str) -> Result<Command> {
    let program = bin(name)?;
    let Some(user) = user() else { return Ok(Command::new(program)) };
    let prefix = become_user(&user);
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).arg(program).current_dir("/");
    Ok(command)
}

/// As root the servers run as another user, who must be able to walk to their data.
fn check_reachable(folder: &Path) -> Result<()> {
    if user().is_none() {
        return Ok(());
    }
    for parent in folder.ancestors() {
        let mode = fs::metadata(parent)?.permissions().mode();
        ensure!(
            mode & 0o001 != 0,
            "PostgreSQL runs as the user postgres, who cannot enter {}: move the clone elsewhere, or `chmod o+x` that folder",
            parent.display()
        );
    }
    Ok(())
}

fn succeeded(output: &Output, what: &str) -> Result<()> {
    ensure!(output.status.success(), "{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
