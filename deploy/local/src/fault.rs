//! Cutting a node off, by dropping what goes to and comes from its loopback address, and what the node itself sends.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The group that a node's programs run in, so that what they open themselves can be told: it leaves from 127.0.0.1. None where that takes
/// rights that this user lacks.
pub fn group(address: IpAddr) -> Option<u32> {
    let IpAddr::V4(address) = address else { return None };
    rustix::process::geteuid().is_root().then(|| address.to_bits())
}

/// Fails where only one direction could be dropped: a primary that still reaches etcd goes on leading.
pub fn cut(address: IpAddr) -> Result<()> {
    if let Some(why) = unusable() {
        bail!("nodes cannot be cut off here: {why}");
    }
    for rule in rules(address) {
        if !has(&rule) {
            iptables("--insert", &rule)?;
        }
    }
    Ok(())
}

/// Fails where rules cannot be read: what cannot be seen must not be called undone.
pub fn restore(address: IpAddr) -> Result<()> {
    if let Some(why) = unusable() {
        bail!("nothing can be restored here: {why}");
    }
    for rule in rules(address) {
        while has(&rule) {
            iptables("--delete", &rule)?;
        }
    }
    Ok(())
}

pub fn is_cut(address: IpAddr) -> bool {
    rules(address).iter().any(has)
}

/// Why links cannot be cut here, if they cannot.
pub fn unusable() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("what a node itself sends can only be told where root runs the stack".into());
    }
    match command().args(["--list", "INPUT", "--numeric"]).output() {
        Ok(output) if output.status.success() => owner_unusable(),
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Some kernels cannot tell whose packet it is. A rule that can be understood and is not there is status 1.
fn owner_unusable() -> Option<String> {
    let rule = rules(IpAddr::V4(Ipv4Addr::LOCALHOST)).pop()?;
    let output = run("--check", &rule).ok()?;
    (output.status.code() > Some(1)).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

type Rule = Vec<String>;

/// Both directions of every connection that others have to this address, and everything that the node sends.
fn rules(address: IpAddr) -> Vec<Rule> {
    let rule = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Rule>();
    let text = address.to_string();
    let mut rules = vec![rule(&["INPUT", "--destination", &text]), rule(&["INPUT", "--source", &text])];
    rules.extend(group(address).map(|group| rule(&["OUTPUT", "--match", "owner", "--gid-owner", &group.to_string()])));
    rules
}

fn has(rule: &Rule) -> bool {
    run("--check", rule).is_ok_and(|output| output.status.success())
}

fn iptables(action: &str, rule: &Rule) -> Result<()> {
    let output = run(action, rule).context("iptables is missing: run deploy/local/install.sh")?;
    if !output.status.success() {
        bail!("iptables cannot be used here, so nodes cannot be cut off: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn run(action: &str, rule: &Rule) -> std::io::Result<std::process::Output> {
    command().arg(action).args(rule).args(["--jump", "DROP"]).output()
}

fn command() -> Command {
    let mut command = Command::new("iptables");
    command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").args(["--wait", "5"]);
    command
}
