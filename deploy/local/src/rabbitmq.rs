//! RabbitMQ: carries jobs to workers.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Result};

use crate::block::Block;
use crate::life::find_program;
use crate::process::{orphans, poll};
use crate::program::Program;
use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// Its user, its vhost, and the name of its password.
pub const RABBITMQ: &str = "magnitude";
/// By it nodes and `rabbitmqctl` know each other.
pub const COOKIE: &str = "erlang-cookie";

/// The one in sbin insists on its own user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const CONTROL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// Below the ports that the kernel gives to clients, some a block: epmd also listens on 127.0.0.1, and a broker starts only if the port of its
/// own line is free on every address, so all stacks of a machine meet here. Two whose blocks are 5000 apart do not run at once.
const PORTS: u32 = 12_000;
const BLOCKS: u32 = 5_000;
/// epmd, and the lines of three brokers.
const PORTS_OF_A_BLOCK: u32 = 4;
const EPMD_BOUND: std::time::Duration = std::time::Duration::from_secs(10);

impl Stack {
    pub(crate) fn rabbitmq_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        fs::create_dir_all(&data)?;
        let values = [
            ("address", node.address.ip().to_string()),
            ("vhost", RABBITMQ.into()),
            ("user", RABBITMQ.into()),
            ("password", format!("default_pass = {}", self.secret(RABBITMQ)?)),
            ("cluster", cluster_formation(&self.group(Kind::Broker, "rabbitmq"))),
        ];
        let config = self.render("rabbitmq/rabbitmq.conf", &values.each_ref().map(|(name, value)| (*name, value.as_str())))?;
        let file = self.folder.join("run").join(format!("{}.conf", node.name));
        crate::files::write(&file, config.as_bytes(), 0o600)?;
        // It is read from HOME, by root too, and only if nobody else can.
        crate::files::write(&data.join(".erlang.cookie"), self.secret(COOKIE)?.as_bytes(), 0o400)?;
        let mut env = self.erlang_env(node);
        let place = |name: &str| data.join(name).display().to_string();
        env.extend([
            // Without the shell in between: a signal reaches the server, which stops in order.
            ("RUNNING_UNDER_SYSTEMD", "true".into()),
            ("RABBITMQ_CONFIG_FILE", file.display().to_string()),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
            ("RABBITMQ_MNESIA_BASE", place("mnesia")),
            ("RABBITMQ_LOG_BASE", place("log")),
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_GENERATED_CONFIG_DIR", place("config")),
            ("RABBITMQ_FEATURE_FLAGS_FILE", place("feature_flags")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", place("enabled_plugins")),
            ("RABBITMQ_PID_FILE", place("pid")),
            ("RABBITMQ_NODE_IP_ADDRESS", node.address.ip().to_string()),
            ("RABBITMQ_NODE_PORT", node.address.port().to_string()),
            ("RABBITMQ_DIST_PORT", self.distribution_port(node)?.to_string()),
            // Nobody else on this machine is to reach the nodes' own line.
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", format!("+S 2:2 -kernel inet_dist_use_interface {}", tuple(node.address.ip()))),
        ]);
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Program { path: SERVER.into(), config, cwd: data, env, ..Program::default() })
    }

    /// epmd tells nodes each other's ports. One serves all brokers of the stack and outlives them, so it is no part of a node; `down` finds
    /// it by its folder.
    pub(crate) fn start_epmd(&self, node: &Node) -> Result<()> {
        let _lock = self.lock_node("epmd")?;
        let (cwd, known) = (self.data("epmd"), ["epmd".to_owned()]);
        fs::create_dir_all(&cwd)?;
        if !orphans(&cwd, &known).is_empty() {
            return Ok(());
        }
        let env = self.erlang_env(node).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let path = find_program("epmd").context("RabbitMQ is missing: run deploy/local/install.sh")?;
        Program { path, env, cwd, log: self.log_file("epmd"), ..Program::default() }.spawn()?;
        let address = SocketAddr::new(node.address.ip(), epmd_port(self.state.block));
        poll(EPMD_BOUND, || crate::probe::listens(address)).then_some(()).with_context(|| format!("epmd does not listen on {address}"))
    }

    /// Runs a command for `rabbitmqctl` about one broker; what it printed. Each costs a second of a core.
    pub fn rabbitmqctl(&self, node: &str, arguments: &[&str]) -> Result<String> {
        let node = self.node(node)?;
        let mut command = std::process::Command::new(CONTROL);
        command.env("HOME", self.data(&node.name)).envs(self.erlang_env(&node)).args(["--longnames", "--node", &erlang_name(&node)]);
        command.env("RABBITMQ_CONF_ENV_FILE", "/dev/null").env("LANG", "C.UTF-8").args(arguments);
        crate::command::text(&mut command, "rabbitmqctl", std::time::Duration::from_mins(1))
    }

    /// Starts all brokers at once, and waits for them: in a cluster those that ended first wait for the last one.
    pub fn start_brokers(&self) -> Result<()> {
        let brokers = self.group(Kind::Broker, "rabbitmq");
        crate::up::together(&brokers.iter().collect::<Vec<_>>(), |broker| self.start(&broker.name))
    }

    pub(crate) fn broker_addresses(&self) -> Vec<String> {
        self.group(Kind::Broker, "rabbitmq").iter().map(|node| node.address.to_string()).collect()
    }

    /// Where the brokers of the stack speak with each other.
    fn distribution_port(&self, node: &Node) -> Result<u16> {
        let brokers = self.group(Kind::Broker, "rabbitmq");
        let index = brokers.iter().position(|broker| broker.name == node.name).context("it is no broker of this stack")?;
        Ok(epmd_port(self.state.block) + 1 + u16::try_from(index)?)
    }

    /// The same for all programs that speak with the node.
    fn erlang_env(&self, node: &Node) -> Vec<(&'static str, String)> {
        let brokers = self.group(Kind::Broker, "rabbitmq");
        let addresses: Vec<String> = brokers.iter().map(|node| node.address.ip().to_string()).collect();
        vec![
            ("RABBITMQ_NODENAME", erlang_name(node)),
            ("RABBITMQ_USE_LONGNAME", "true".into()),
            ("ERL_EPMD_ADDRESS", addresses.join(",")),
            ("ERL_EPMD_PORT", epmd_port(self.state.block).to_string()),
        ]
    }
}

/// Whether it knows its user: the port listens before that.
pub fn ready(node: &Node, password: &str) -> bool {
    crate::probe::amqp_signs_in(node.address, RABBITMQ, password)
}

/// Who the brokers' cluster consists of; one alone has nobody to look for.
fn cluster_formation(brokers: &[Node]) -> String {
    if brokers.len() < 2 {
        return String::new();
    }
    let key = "cluster_formation.";
    let nodes = brokers.iter().enumerate().map(|(index, node)| format!("{key}classic_config.nodes.{} = {}", index + 1, erlang_name(node)));
    std::iter::once(format!("{key}peer_discovery_backend = classic_config")).chain(nodes).collect::<Vec<_>>().join("\n")
}

/// With its address as host, so that two stacks' nodes have two names and each finds its own.
fn erlang_name(node: &Node) -> String {
    format!("{}@{}", node.name, node.address.ip())
}

fn epmd_port(block: Block) -> u16 {
    u16::try_from(PORTS + PORTS_OF_A_BLOCK * (block.number() % BLOCKS)).unwrap_or(u16::MAX)
}

fn tuple(address: IpAddr) -> String {
    format!("{{{}}}", address.to_string().replace('.', ","))
}

/// Whether the server is on this machine.
pub fn installed() -> bool {
    Path::new(SERVER).exists()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::topology::Topology;

    #[test]
    fn three_brokers_know_each_other_and_all_else_is_as_usual() {
        let nodes = |topology: &str| -> Vec<Node> {
            let topology = Topology::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies"), topology).expect("is a topology");
            topology.nodes(Block { a: 70, b: 1 }, &BTreeMap::new())
        };
        let split = |topology: &str| nodes(topology).into_iter().partition::<Vec<Node>, _>(|node| node.kind == Kind::Broker);
        let ((one, usual), (three, others)) = (split("standard"), split("three-brokers"));

        assert_eq!(cluster_formation(&one), "");
        let formed = cluster_formation(&three);
        assert_eq!(formed.lines().count(), 4, "{formed}");
        assert!(formed.ends_with("cluster_formation.classic_config.nodes.3 = rabbitmq-3@127.70.1.28"), "{formed}");
        assert_eq!(others, usual);
    }

    #[test]
    fn blocks_have_ports_of_their_own_below_those_of_clients() {
        let (first, next) = (Block { a: 64, b: 0 }, Block { a: 64, b: 1 });
        assert_eq!(u32::from(epmd_port(first)) + PORTS_OF_A_BLOCK, u32::from(epmd_port(next)));
        for a in 64..128 {
            assert!((12_000..32_765).contains(&epmd_port(Block { a, b: 255 })));
        }
    }
}
