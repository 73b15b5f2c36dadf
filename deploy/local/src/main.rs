//! `stack`: runs the whole system as processes on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use magnitude_stack::{Extent, Finding, Health, Kind, Node, Options, Stack, Weight, examine, find_project, render};

#[derive(Parser)]
#[command(about = "Runs the whole system as processes on this machine")]
struct Args {
    #[command(subcommand)]
    command: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Start what is not running and wait until all of it is ready
    Up {
        #[arg(long, value_enum, default_value = "everything")]
        only: Only,
        /// Let replicas apply changes this late (also `STACK_REPLICA_DELAY_MS`)
        #[arg(long)]
        replica_delay_ms: Option<u64>,
        /// What a new stack consists of: a file of `deploy/local/topologies` (standard)
        #[arg(long)]
        topology: Option<String>,
        /// The built web application, which is published if it is there
        #[arg(long, default_value = "services/web/dist")]
        site: PathBuf,
    },
    /// End everything; the data stays
    Down,
    /// Show every node and how it is
    Status,
    /// Show the log of a node, or the end of all logs
    Logs {
        node: Option<String>,
        #[arg(short, long)]
        follow: bool,
    },
    /// End and start a node, or the nodes of a service one after another
    Restart { name: String },
    /// `down`, then delete data, logs and secrets
    Clean,
    /// Check memory, disk, ports and tools
    Doctor,
    /// Bring every node back to running and connected
    Heal,
    /// Start a node or the nodes of a service
    Start { name: String },
    /// End a node in order
    Stop { name: String },
    /// End a node as a crash would
    Kill {
        name: String,
        /// Only the Postgres of the node: its Patroni lives on
        #[arg(long)]
        server: bool,
    },
    /// Hand a shard over to another of its nodes, in order
    Switchover { shard: String },
    /// Freeze a node
    Pause { name: String },
    /// Let a frozen node go on
    Resume { name: String },
    /// Drop every packet to and from a node's address
    Cut { name: String },
    /// Undo `cut`
    Restore { name: String },
    /// Add an instance of a service, a worker of it (`articles-worker`), a point of presence (`edge`) or a replica of a shard
    Add { name: String },
    /// End and forget the instance or worker that was added last
    Remove { name: String },
    /// Add and remove workers by what they tell of their lanes, until ended: a node of the stack
    #[command(hide = true)]
    Autoscale,
    /// Add a shard like the last one; `reshard move --spread` gives it buckets
    AddShard,
    /// Ask about a service's jobs, or tell its lanes to rest: status, dead list, dead replay, pause, resume (`jobs NAME help` lists them)
    Jobs {
        service: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Fill the configuration of the other wirings (`deploy/compose/rendered`) from the templates
    Render,
    /// Plan or make moves of buckets in every service: plan, move, isolate, status, abort (`reshard help` lists their options)
    Reshard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Only {
    Infrastructure,
    Everything,
}

fn main() -> ExitCode {
    match run(Args::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: Order) -> Result<ExitCode> {
    let folder = PathBuf::from(std::env::var("STACK_DIR").unwrap_or_else(|_| ".stack".into()));
    let open = || Stack::open(&folder);
    match order {
        Order::Up { only, replica_delay_ms, topology, site } => {
            let replica_delay_ms = replica_delay_ms.or(number("STACK_REPLICA_DELAY_MS")?);
            let options = Options { port: number("PORT")?, edge_port: number("EDGE_PORT")?, replica_delay_ms, topology };
            up(&folder, only, &options, &site)?;
        }
        Order::Down => {
            magnitude_stack::down(&folder)?;
            println!("Everything is down; the data stays in {}.", folder.display());
        }
        Order::Clean => {
            magnitude_stack::clean(&folder)?;
            println!("{} holds nothing of the stack any more.", folder.display());
        }
        Order::Status => return Ok(status(&open()?)),
        Order::Logs { node, follow } => logs(&open()?, node, follow)?,
        Order::Doctor => return doctor(&folder),
        Order::Heal => {
            let mut stack = open()?;
            stack.heal()?;
            // The autoscaler takes nobody away while all are looked at, and whom it was taking away has gone.
            let _unchanged = stack.change()?;
            return Ok(status(&stack));
        }
        Order::Restart { name } => each(&open()?, &name, Stack::restart)?,
        Order::Start { name } => each(&open()?, &name, Stack::start)?,
        Order::Stop { name } => each(&open()?, &name, Stack::stop)?,
        Order::Kill { name, server: true } => open()?.kill_server(&name)?,
        Order::Kill { name, server: false } => each(&open()?, &name, Stack::kill)?,
        Order::Switchover { shard } => {
            open()?.switchover(&shard)?;
            println!("{} leads {shard}.", open()?.leader(&shard)?.name);
        }
        Order::AddShard => println!("{} is ready: `stack reshard plan --spread` says what to move there.", open()?.add_shard(&show)?),
        Order::Pause { name } => each(&open()?, &name, Stack::pause)?,
        Order::Resume { name } => each(&open()?, &name, Stack::resume)?,
        Order::Cut { name } => each(&open()?, &name, Stack::cut)?,
        Order::Restore { name } => each(&open()?, &name, Stack::restore)?,
        Order::Jobs { service, arguments } => open()?.jobs(&service, &arguments)?,
        Order::Reshard { arguments } => open()?.reshard(&arguments)?,
        Order::Render => {
            let written = render::write(&find_project(Path::new("."))?)?;
            println!("{} files were not what their templates give; now all are.", written.len());
        }
        Order::Remove { name } => println!("{} is gone.", open()?.remove(&name)?.name),
        Order::Autoscale => magnitude_stack::autoscale(&folder)?,
        Order::Add { name } => println!("{} is ready.", open()?.add(&name)?.name),
    }
    Ok(ExitCode::SUCCESS)
}

fn up(folder: &Path, only: Only, options: &Options, site: &Path) -> Result<()> {
    let stack = Stack::create(folder, options)?;
    let extent = match only {
        Only::Infrastructure => Extent::Infrastructure,
        Only::Everything => Extent::Everything,
    };
    stack.up(extent, &show)?;
    if extent == Extent::Everything && site.join("index.html").is_file() {
        stack.publish(site)?;
        show("the web application is published");
    }
    let url = stack.url();
    if options.port.is_none() && stack.gave_way() {
        println!("\nPort 8080 was taken, so this stack has another one; PORT=… make up chooses it.");
    }
    let edge = stack.edge_url().map(|edge| format!("The edge  {edge}\n")).unwrap_or_default();
    println!(
        "\nThe web   {url}/\nThe API   {url}/api\nIts docs  {url}/api/docs\n{edge}Its state {url}/status\n\n`make status` shows the nodes, `make down` ends them."
    );
    Ok(())
}

/// Whoever reads this may have gone; the stack starts all the same.
fn show(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn number<T: std::str::FromStr>(name: &str) -> Result<Option<T>> {
    let Ok(text) = std::env::var(name) else { return Ok(None) };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).ok().with_context(|| format!("{name} is not a number that fits: {text}"))
}

fn each(stack: &Stack, name: &str, work: impl Fn(&Stack, &str) -> Result<()>) -> Result<()> {
    for node in stack.select(name)? {
        work(stack, &node.name)?;
        println!("{}: {}", node.name, word(&stack.health(&node)));
    }
    Ok(())
}

/// The table; fails when a node is not ready.
fn status(stack: &Stack) -> ExitCode {
    let mut all = true;
    println!("{:<16} {:<9} {:<22} STATE", "NODE", "KIND", "ADDRESS");
    for node in stack.nodes() {
        let health = stack.health(&node);
        all &= health == Health::Ready;
        let role = stack.role(&node).filter(|_| health == Health::Ready).map(|role| format!(" ({role})")).unwrap_or_default();
        println!("{:<16} {:<9} {:<22} {}{role}", node.name, kind(&node), node.address, word(&health));
    }
    for (group, scaled) in stack.scaled() {
        println!("{group}: {} due, {:.0} done a second, {} wanted", scaled.due, scaled.done_per_s, scaled.wanted);
    }
    for sentence in doubts(stack) {
        println!("{sentence}");
        all = false;
    }
    println!("\n{}/api/docs", stack.url());
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Overlapping claims, buckets without an owner, moves that have not ended. Without services, or a database that answers, there is nobody to ask.
fn doubts(stack: &Stack) -> Vec<String> {
    let up = |kind: Kind| stack.nodes().iter().any(|node| node.kind == kind && stack.health(node) == Health::Ready);
    if !up(Kind::Service) || !up(Kind::Postgres) {
        return vec![];
    }
    stack.claims_in_doubt().unwrap_or_else(|error| vec![format!("{error:#}")])
}

fn kind(node: &Node) -> &'static str {
    match node.kind {
        Kind::Etcd => "etcd",
        Kind::Postgres => "postgres",
        Kind::Redis => "redis",
        Kind::Broker => "rabbitmq",
        Kind::Envoy => "envoy",
        Kind::Edge => "edge",
        Kind::Service => "service",
        Kind::Worker => "worker",
        Kind::Checker => "checker",
        Kind::Autoscaler => "scaler",
    }
}

fn word(health: &Health) -> &'static str {
    match health {
        Health::Ready => "ready",
        Health::Starting => "not ready",
        Health::Paused => "paused",
        Health::Cut => "cut off",
        Health::Down => "down",
    }
}

fn logs(stack: &Stack, node: Option<String>, follow: bool) -> Result<()> {
    let names: Vec<String> = match node {
        Some(name) if name == "access" => vec![name],
        Some(name) => stack.select(&name)?.into_iter().map(|node| node.name).collect(),
        None => stack.nodes().into_iter().map(|node| node.name).collect(),
    };
    let files: Vec<PathBuf> = names.iter().map(|name| stack.log(name)).filter(|path| path.exists()).collect();
    if files.is_empty() {
        println!("There are no logs yet.");
        return Ok(());
    }
    let lines = if names.len() == 1 { "100" } else { "10" };
    let mut command = Command::new("tail");
    command.args(["-n", lines]).args(follow.then_some("-F")).args(files);
    command.status()?;
    Ok(())
}

/// Fails when there is a problem; a note is none.
fn doctor(folder: &Path) -> Result<ExitCode> {
    let findings = examine(folder, (number("PORT")?, number("EDGE_PORT")?));
    for Finding { weight, text } in &findings {
        let word = match weight {
            Weight::Good => "ok",
            Weight::Note => "note",
            Weight::Problem => "problem",
        };
        println!("{word:<7}  {text}");
    }
    let healthy = findings.iter().all(|finding| finding.weight != Weight::Problem);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
