//! What this machine lacks, before it shows as a strange failure.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// One sentence about the machine.
#[derive(Debug)]
pub struct Finding {
    pub good: bool,
    pub text: String,
}

const MEMORY_MIB: u64 = 4 * 1024;
const DISK_MIB: u64 = 10 * 1024;

/// Looks at memory, disk, the port, the tools and the faults' means.
pub fn examine(project: &Path, port: u16) -> Vec<Finding> {
    let mut findings = vec![memory(), disk(project), host_port(port)];
    findings.extend(tools(project));
    findings.push(match crate::fault::unusable() {
        None => finding(true, "iptables works: nodes can be cut off."),
        Some(why) => finding(false, format!("iptables cannot be used, so no node can be cut off (everything else works): {why}")),
    });
    findings
}

fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap_or_default();
    let mib = line.trim().trim_end_matches(" kB").parse().unwrap_or(0) / 1024;
    finding(mib >= MEMORY_MIB, format!("{mib} MiB of memory are available; building and running want {MEMORY_MIB}."))
}

fn disk(project: &Path) -> Finding {
    let output = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(project).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mib: u64 = text.lines().nth(1).unwrap_or_default().trim().parse().unwrap_or(0);
    finding(mib >= DISK_MIB, format!("{mib} MiB of disk are free here; building and running want {DISK_MIB}."))
}

fn host_port(port: u16) -> Finding {
    if TcpListener::bind(("127.0.0.1", port)).is_ok() {
        return finding(true, format!("port {port} is free."));
    }
    finding(false, format!("port {port} is taken: by this stack if it is up, else choose another with PORT=."))
}

fn tools(project: &Path) -> Vec<Finding> {
    let envoy = project.join(".stack/envoy").exists();
    let redis = crate::life::find("redis-server") || crate::life::find("valkey-server");
    let found = [
        ("PostgreSQL", crate::postgres::bin("initdb").is_ok()),
        ("Redis or Valkey", redis),
        ("Envoy", envoy),
        ("setpriv", crate::life::find("setpriv")),
        ("setsid", crate::life::find("setsid")),
    ];
    let sentence = |(name, good)| {
        finding(good, if good { format!("{name} is installed.") } else { format!("{name} is missing: run deploy/local/install.sh.") })
    };
    found.into_iter().map(sentence).collect()
}

fn finding(good: bool, text: impl Into<String>) -> Finding {
    Finding { good, text: text.into() }
}
