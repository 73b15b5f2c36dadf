//! The project's own services: their settings, their migrations, their processes.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::command;
use crate::postgres::SUPERUSER;
use crate::program::Program;
use crate::rabbitmq::RABBITMQ;
use crate::redis::REDIS;
use crate::stack::Stack;
use crate::topology::{Kind, Node, Service};

/// An index over a large table takes its time; a lock that is never given must not hang the stack.
const MIGRATE_BOUND: Duration = Duration::from_mins(10);
const PUBLISH_BOUND: Duration = Duration::from_mins(1);
/// A shard that does not answer is not waited for longer.
const ASK_BOUND: Duration = Duration::from_secs(20);

/// Everybody here has one address, and load is meant.
const UNLIMITED: f64 = 1_000_000.0;

/// What differs from a service's own defaults here.
#[derive(Serialize)]
struct Settings {
    http: Http,
    database: Database,
    limits: Limits,
    #[serde(flatten)]
    common: Common,
    #[serde(flatten)]
    media: Option<Media>,
}

/// What every service has: whom it finds where.
#[derive(Serialize)]
pub(crate) struct Common {
    pub cache: Nodes,
    pub sessions: Nodes,
    pub broker: Broker,
    pub internal: Internal,
    pub shards: Vec<Shard>,
}

/// What only the media service has.
#[derive(Serialize)]
struct Media {
    objects: Objects,
    site: Site,
    status: Status,
}

#[derive(Serialize)]
struct Site {
    edge: String,
}

#[derive(Serialize)]
struct Objects {
    store: String,
}

#[derive(Serialize)]
struct Status {
    envoy: String,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    name: String,
    address: String,
}

#[derive(Serialize)]
struct Http {
    public: String,
    operator: String,
}

#[derive(Serialize)]
struct Database {
    user: String,
    name: String,
    /// Everything is on this machine's loopback.
    tls: &'static str,
}

/// Three times the services' own: here databases, broker and clients share the processors with Redis.
const REDIS_TIMEOUT_MS: u64 = 150;

#[derive(Serialize)]
pub(crate) struct Nodes {
    nodes: Vec<String>,
    timeout_ms: u64,
}

impl From<Vec<String>> for Nodes {
    fn from(nodes: Vec<String>) -> Self {
        Self { nodes, timeout_ms: REDIS_TIMEOUT_MS }
    }
}

#[derive(Serialize)]
pub(crate) struct Broker {
    nodes: Vec<String>,
    user: &'static str,
    vhost: &'static str,
}

impl From<Vec<String>> for Broker {
    fn from(nodes: Vec<String>) -> Self {
        Self { nodes, user: RABBITMQ, vhost: RABBITMQ }
    }
}

#[derive(Serialize)]
struct Limits {
    instances: usize,
    factor: f64,
}

#[derive(Serialize)]
pub(crate) struct Internal {
    url: String,
}

impl From<String> for Internal {
    fn from(url: String) -> Self {
        Self { url }
    }
}

#[derive(Serialize)]
pub(crate) struct Shard {
    name: String,
    nodes: Vec<String>,
}

impl From<(&str, Vec<String>)> for Shard {
    fn from((name, nodes): (&str, Vec<String>)) -> Self {
        Self { name: name.into(), nodes }
    }
}

impl Stack {
    pub(crate) fn service_program(&self, node: &Node) -> Result<Program> {
        let cwd = self.data(&node.name);
        fs::create_dir_all(&cwd)?;
        let (settings, config) = self.service_settings(&node.name, &node.group, node.address.ip())?;
        Ok(Program {
            path: binary(&node.group)?,
            args: vec!["--settings".into(), settings.display().to_string(), "serve".into()],
            env: self.service_env(&node.group)?.into_iter().chain(self.clock_env(&node.name)?).collect(),
            config,
            cwd,
            ..Program::default()
        })
    }

    pub(crate) fn checker_program(&self, node: &Node) -> Result<Program> {
        let service = node.name.strip_suffix("-checker").context("a checker is named after its service")?;
        self.role_program(node, service, "check-cache")
    }

    pub(crate) fn worker_program(&self, node: &Node) -> Result<Program> {
        let service = node.group.strip_suffix("-worker").context("workers are named after their service")?;
        self.role_program(node, service, "work")
    }

    fn role_program(&self, node: &Node, service: &str, role: &str) -> Result<Program> {
        let cwd = self.data(&node.name);
        fs::create_dir_all(&cwd)?;
        let (settings, config) = self.service_settings(&node.name, service, node.address.ip())?;
        Ok(Program {
            path: binary(service)?,
            args: vec!["--settings".into(), settings.display().to_string(), role.into()],
            env: self.service_env(service)?,
            config,
            cwd,
            ..Program::default()
        })
    }

    /// A library that tells the program another time.
    fn clock_env(&self, instance: &str) -> Result<BTreeMap<String, String>> {
        let Some(seconds) = self.state.clocks.get(instance) else { return Ok(BTreeMap::new()) };
        let library = faketime().context("libfaketime is missing: run deploy/local/install.sh")?;
        Ok([
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", format!("{seconds:+}s")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into())
    }

    /// Brings a service's databases to its schema, on every shard.
    pub(crate) fn migrate(&self, service: &Service) -> Result<()> {
        let first = self.group(Kind::Service, &service.name).into_iter().next().context("a service has an instance")?;
        let (settings, _) = self.service_settings(&first.name, &service.name, first.address.ip())?;
        let mut migrate = Command::new(binary(&service.name)?);
        migrate.arg("--settings").arg(settings).arg("migrate").envs(self.service_env(&service.name)?);
        command::run(&mut migrate, &format!("{} migrate", service.name), MIGRATE_BOUND)
    }

    /// Carries out a command about the buckets of every service in turn, as the shards' administrator; what each prints goes through. Stops
    /// at the first that fails.
    pub fn reshard(&self, arguments: &[String]) -> Result<()> {
        for service in &self.topology.services {
            println!("{}:", service.name);
            let status = self.reshard_command(service)?.args(arguments).status()?;
            ensure!(status.success(), "{} reshard failed; the services after it were not asked", service.name);
        }
        Ok(())
    }

    /// Puts a built web application where media serves it from.
    pub fn publish(&self, site: &Path) -> Result<()> {
        let media = self.topology.services.iter().find(|service| service.name == "media").context("nobody serves the web application")?;
        let mut publish = self.service_command(media, "publish")?;
        command::run(publish.arg(site), "media publish", PUBLISH_BOUND)
    }

    /// The object store: a folder.
    pub fn objects(&self) -> PathBuf {
        self.data("objects")
    }

    /// Carries out a command about the jobs of a service; what it prints goes through.
    pub fn jobs(&self, service: &str, arguments: &[String]) -> Result<()> {
        let known = self.topology.services.iter().find(|known| known.name == service);
        let mut command = self.service_command(known.with_context(|| format!("there is no service {service}"))?, "jobs")?;
        let status = command.args(arguments).status()?;
        ensure!(status.success(), "{service} jobs failed");
        Ok(())
    }

    /// What is wrong with the claims of buckets, and which moves have not ended.
    pub fn claims_in_doubt(&self) -> Result<Vec<String>> {
        let mut sentences = vec![];
        for service in &self.topology.services {
            let output = command::output(self.reshard_command(service)?.arg("status"), "reshard status", ASK_BOUND)?;
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            let well = |line: &str| line.contains(" buckets (") || line == "No move is under way." || line.is_empty();
            sentences.extend(said.lines().filter(|line| !well(line)).map(|line| format!("{}: {line}", service.name)));
        }
        Ok(sentences)
    }

    fn reshard_command(&self, service: &Service) -> Result<Command> {
        let mut reshard = self.service_command(service, "reshard")?;
        reshard.env("MAGNITUDE_RESHARD__USER", SUPERUSER).env("MAGNITUDE_RESHARD__PASSWORD_FILE", self.secret_file(SUPERUSER));
        Ok(reshard)
    }

    /// With the settings of its first instance.
    fn service_command(&self, service: &Service, role: &str) -> Result<Command> {
        let first = self.group(Kind::Service, &service.name).into_iter().next().context("a service has an instance")?;
        let (settings, _) = self.service_settings(&first.name, &service.name, first.address.ip())?;
        let mut command = Command::new(binary(&service.name)?);
        command.arg("--settings").arg(settings).arg(role).envs(self.service_env(&service.name)?);
        // What was asked for is printed; the log's lines would stand between.
        command.env("MAGNITUDE_TELEMETRY__LOG", "error").env("MAGNITUDE_TELEMETRY__FORMAT", "text");
        Ok(command)
    }

    fn service_env(&self, service: &str) -> Result<BTreeMap<String, String>> {
        let mut env = BTreeMap::new();
        for (section, secret) in [("DATABASE", service), ("CACHE", REDIS), ("SESSIONS", REDIS), ("BROKER", RABBITMQ)] {
            self.secret(secret)?;
            env.insert(format!("MAGNITUDE_{section}__PASSWORD_FILE"), self.secret_file(secret).display().to_string());
        }
        let known = self.topology.services.iter().find(|known| known.name == service);
        env.extend(known.map(|known| known.env.clone()).unwrap_or_default());
        Ok(env)
    }

    fn service_settings(&self, instance: &str, service: &str, address: IpAddr) -> Result<(PathBuf, String)> {
        let addresses = |nodes: Vec<Node>| -> Vec<String> { nodes.iter().map(|node| node.address.to_string()).collect() };
        let settings = Settings {
            http: Http { public: format!("{address}:8000"), operator: format!("{address}:9000") },
            database: Database { user: service.into(), name: service.into(), tls: "disable" },
            limits: Limits { instances: self.group(Kind::Service, service).len().max(1), factor: UNLIMITED },
            common: Common {
                cache: addresses(self.group(Kind::Redis, "cache")).into(),
                sessions: addresses(self.group(Kind::Redis, "sessions")).into(),
                broker: self.broker_addresses().into(),
                internal: self.internal_url()?.into(),
                shards: self.shard_names().map(|shard| (shard, addresses(self.group(Kind::Postgres, shard))).into()).collect(),
            },
            media: (service == "media").then(|| self.media_settings()),
        };
        let path = self.folder.join("run").join(format!("{instance}.toml"));
        let content = toml::to_string(&settings)?;
        crate::files::write(&path, content.as_bytes(), 0o644)?;
        Ok((path, content))
    }

    /// One folder for all instances; and what neither they nor Envoy know of, which `/status` shows.
    fn media_settings(&self) -> Media {
        let unknown = self.nodes().into_iter().filter(|node| matches!(node.kind, Kind::Etcd | Kind::Checker));
        let parts = unknown.map(|node| Part {
            address: if node.kind == Kind::Etcd { node.address } else { node.operator() }.to_string(),
            name: node.name,
        });
        Media {
            objects: Objects { store: self.objects().display().to_string() },
            site: Site { edge: self.edge_url().unwrap_or_default() },
            status: Status { envoy: format!("http://{}", self.envoy_admin()), parts: parts.collect() },
        }
    }

    fn shard_names(&self) -> impl Iterator<Item = &str> {
        self.topology.shards.iter().map(|shard| shard.name.as_str())
    }
}

/// Below the folder of the machine's kind.
fn faketime() -> Option<PathBuf> {
    let kinds = fs::read_dir("/usr/lib").ok()?.flatten();
    kinds.map(|kind| kind.path().join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

/// The services are built beside `stack`; a test binary lies one folder deeper.
/// A program of the project, from where this one is.
pub(crate) fn binary(service: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(service)).find(|path| path.is_file());
    found.with_context(|| format!("{service} is not built: run `cargo build --workspace`"))
}
