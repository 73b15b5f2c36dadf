//! What this machine lacks, before it shows as a strange failure.

use std::path::Path;
use std::process::Command;

use crate::life::find;
use crate::state::State;
use crate::{fault, place, port, postgres, rabbitmq, stack};

/// One sentence about the machine.
#[derive(Debug)]
pub struct Finding {
    pub weight: Weight,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Good,
    /// Worth knowing; everything works.
    Note,
    Problem,
}

/// What building takes, and what is left of that need when everything runs already.
const MEMORY_MIB: u64 = 4 * 1024;
const RUNNING_MIB: u64 = 512;
const DISK_MIB: u64 = 10 * 1024;

/// Looks at memory, disk, the ports, the tools, the folders and the faults' means. `wanted` are the ports that were asked for, the edge's second.
pub fn examine(folder: &Path, wanted: (Option<u16>, Option<u16>)) -> Vec<Finding> {
    let up = stack::alive(folder, "envoy");
    let project = stack::find_project(folder).unwrap_or_else(|_| ".".into());
    let state = State::load(folder).ok().flatten();
    let (port, edge) = (state.as_ref().map(|state| state.port), state.as_ref().and_then(|state| state.edge_port));
    let mut findings = vec![memory(up), disk(&project, up)];
    findings.extend([host_port(port::API, wanted.0, port, up), host_port(port::EDGE, wanted.1, edge, up)]);
    findings.extend(tools(&project));
    findings.push(parents(&project));
    findings.push(match fault::unusable() {
        None => finding(Weight::Good, "iptables works: nodes can be cut off."),
        Some(why) => finding(Weight::Note, format!("no node can be cut off here (everything else works): {why}.")),
    });
    findings
}

fn memory(up: bool) -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    let mib = line.trim().trim_end_matches(" kB").parse().unwrap_or(0) / 1024;
    let wanted = if up { RUNNING_MIB } else { MEMORY_MIB };
    judge(mib >= wanted, format!("{mib} MiB of memory are available; {wanted} are wanted."))
}

fn disk(project: &Path, up: bool) -> Finding {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(project).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mib: u64 = text.lines().nth(1).unwrap_or_default().trim().parse().unwrap_or(0);
    let wanted = if up { RUNNING_MIB } else { DISK_MIB };
    judge(mib >= wanted, format!("{mib} MiB of disk are free here; {wanted} are wanted."))
}

/// Answers as the next start would.
fn host_port(gate: port::Gate, wanted: Option<u16>, before: Option<port::Port>, up: bool) -> Finding {
    match gate.choose(wanted, before, up && before.is_some()) {
        Ok(port) if up && before == Some(port) => finding(Weight::Good, format!("port {} is this stack's.", port.number)),
        Ok(port) => finding(Weight::Good, format!("port {} is free.", port.number)),
        Err(error) => finding(Weight::Problem, format!("{error:#}.")),
    }
}

fn tools(project: &Path) -> Vec<Finding> {
    let installed = [
        ("PostgreSQL", postgres::newest().is_ok()),
        ("Redis or Valkey", find("redis-server") || find("valkey-server")),
        ("Envoy", project.join(".stack/envoy").exists()),
        ("Patroni", project.join(".stack/venv/bin/patroni").exists()),
        ("RabbitMQ", rabbitmq::installed()),
        ("nginx", find("nginx")),
        ("Lua in nginx", crate::edge::installed()),
        ("etcd", find("etcd")),
        ("setpriv", find("setpriv")),
        ("setsid", find("setsid")),
        ("A C compiler (cc)", find("cc")),
    ];
    let mut findings: Vec<Finding> = installed.into_iter().map(|(name, good)| tool(name, good, "run deploy/local/install.sh")).collect();
    findings.push(tool("Rust (cargo)", find("cargo"), "install it, for example with rustup"));
    findings
}

fn tool(name: &str, good: bool, remedy: &str) -> Finding {
    judge(good, if good { format!("{name} is installed.") } else { format!("{name} is missing: {remedy}.") })
}

fn parents(project: &Path) -> Finding {
    let real = project.canonicalize().unwrap_or_else(|_| project.to_path_buf());
    match place::closed_parent(&real) {
        Ok(None) => finding(Weight::Good, "the folder can be entered by the user that Postgres runs as."),
        Ok(Some(closed)) => {
            let elsewhere = place::elsewhere(&real.join(".stack"), &real);
            finding(Weight::Note, format!("PostgreSQL cannot enter {}, so data goes to {}.", closed.display(), elsewhere.display()))
        }
        Err(error) => finding(Weight::Problem, format!("{error:#}.")),
    }
}

fn judge(good: bool, text: String) -> Finding {
    finding(if good { Weight::Good } else { Weight::Problem }, text)
}

fn finding(weight: Weight, text: impl Into<String>) -> Finding {
    Finding { weight, text: text.into() }
}
