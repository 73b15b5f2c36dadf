//! Cutting a node off, by dropping what goes to and comes from its loopback address.

use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Both directions of every connection that others have to this address. What the node itself opens leaves loopback from
/// 127.0.0.1, so it is not covered.
const SIDES: [&str; 2] = ["--destination", "--source"];

pub fn cut(address: IpAddr) -> Result<()> {
    for side in SIDES {
        if !has(side, address) {
            iptables("--insert", side, address)?;
        }
    }
    Ok(())
}

/// Fails where rules cannot be read: what cannot be seen must not be called undone.
pub fn restore(address: IpAddr) -> Result<()> {
    if let Some(why) = unusable() {
        bail!("iptables cannot be used here, so nothing can be restored: {why}");
    }
    for side in SIDES {
        while has(side, address) {
            iptables("--delete", side, address)?;
        }
    }
    Ok(())
}

pub fn is_cut(address: IpAddr) -> bool {
    SIDES.iter().any(|side| has(side, address))
}

/// Why links cannot be cut here, if they cannot.
pub fn unusable() -> Option<String> {
    let output = command().args(["--wait", "5", "--list", "INPUT", "--numeric"]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

fn has(side: &str, address: IpAddr) -> bool {
    run("--check", side, address).is_ok_and(|output| output.status.success())
}

fn iptables(action: &str, side: &str, address: IpAddr) -> Result<()> {
    let output = run(action, side, address).context("iptables is missing: run deploy/local/install.sh")?;
    if !output.status.success() {
        bail!("iptables cannot be used here, so nodes cannot be cut off: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn run(action: &str, side: &str, address: IpAddr) -> std::io::Result<std::process::Output> {
    command().args(["--wait", "5", action, "INPUT", side, &address.to_string(), "--jump", "DROP"]).output()
}

fn command() -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("iptables");
        command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        return command;
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "iptables"]);
    command
}
