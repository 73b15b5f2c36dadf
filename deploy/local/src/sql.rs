//! What the runner asks Postgres: roles and databases, and how a node is doing.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use crate::command;
use crate::postgres::{SUPERUSER, newest};
use crate::stack::Stack;
use crate::topology::Node;

/// What a node said before this line is settled. Its own first line comes too late: it is read right after the start.
const STARTS: &str = "--- started by the stack";
/// More than the statements' own limit, which normally ends them.
const BOUND: Duration = Duration::from_secs(75);

impl Stack {
    /// The services' roles and databases, on a shard's primary; changes nothing the second time.
    pub(crate) fn bootstrap(&self, primary: &Node) -> Result<()> {
        for service in &self.topology.services {
            let secret = self.secret(&service.name)?;
            self.script(primary, "service.sql", &[("STACK_SERVICE", &service.name), ("STACK_PASSWORD", &secret)])?;
        }
        Ok(())
    }

    /// Secrets go through the environment: arguments can be read by everybody on the machine.
    fn script(&self, primary: &Node, file: &str, values: &[(&str, &str)]) -> Result<()> {
        let path = self.project.join("deploy/postgres").join(file);
        command::run(self.psql(primary)?.envs(values.iter().copied()).stdin(fs::File::open(&path)?), file, BOUND)
    }

    /// One value from a node; None if it does not answer.
    pub(crate) fn ask_postgres(&self, node: &Node, sql: &str) -> Option<String> {
        let mut psql = self.psql(node).ok()?;
        psql.stdin(Stdio::null()).args(["--tuples-only", "--no-align", "--command", sql]);
        let output = command::output(&mut psql, "psql", BOUND).ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether a replica asks for a part of the log that its primary has deleted: it would ask for ever.
    pub(crate) fn lost_its_primary(&self, node: &Node) -> bool {
        let log = crate::life::tail(&self.log_file(&node.name), 200);
        let since = log.rfind(STARTS).map_or(&log[..], |start| &log[start..]);
        since.lines().any(|line| line.contains("requested WAL segment") && line.contains("has already been removed"))
    }

    pub(crate) fn mark_start(&self, node: &Node) -> Result<()> {
        let mut log = fs::File::options().create(true).append(true).open(self.log_file(&node.name))?;
        Ok(writeln!(log, "{STARTS}")?)
    }

    /// Role and lag, in a few words.
    pub(crate) fn postgres_role(&self, node: &Node) -> Option<String> {
        self.ask_postgres(
            node,
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 'primary, ' || (SELECT count(*) FROM pg_stat_replication) || ' streaming'
             ELSE 'replica, lag ' || pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) || ' bytes' END",
        )
    }

    fn psql(&self, node: &Node) -> Result<Command> {
        let mut command = Command::new(newest()?.join("psql"));
        command.env("PGPASSWORD", self.secret(SUPERUSER)?).env("PGCONNECT_TIMEOUT", "3").env("PGOPTIONS", "-c statement_timeout=60s");
        command.args(["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--username", SUPERUSER, "--dbname=postgres"]);
        command.arg(format!("--host={}", node.address.ip()));
        Ok(command)
    }
}
