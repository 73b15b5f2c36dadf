use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use magnitude_sharding::reshard;

use crate::{Roles, Running, Service, ServiceSettings, healthcheck, settings, stores, telemetry};

#[derive(Parser)]
struct Arguments<C: Subcommand> {
    #[command(subcommand)]
    role: Role<C>,
    /// A TOML file over the compiled-in defaults; variables MAGNITUDE_<SECTION>__<KEY> win over both.
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role<C: Subcommand> {
    /// Serves until it is told to stop (SIGTERM, SIGINT), then drains.
    Serve {
        /// Runs jobs as well.
        #[arg(long)]
        work: bool,
    },
    /// Runs jobs until it is told to stop, then finishes those that run.
    Work,
    /// Shows what jobs wait or were given up, and tells lanes to rest.
    Jobs {
        #[command(subcommand)]
        order: magnitude_jobs::Order,
    },
    /// Compares what the service's caches hold with its databases, until it is told to stop.
    CheckCache,
    /// Brings the databases to the schema that this binary needs.
    Migrate,
    /// Moves buckets between shards while traffic runs.
    Reshard {
        #[command(subcommand)]
        order: reshard::Order,
    },
    /// Prints the merged settings without secrets.
    Settings,
    /// Asks the running instance whether it is ready.
    Healthcheck,
    #[command(flatten)]
    Own(C),
}

// Not a doc comment: help would show it.
#[derive(Subcommand)]
enum NoOther {}

/// `<service> serve|work|jobs|check-cache|migrate|reshard|settings|healthcheck [--settings FILE]`. Parses the command line of this process, so call it from
/// `main` and return what it returns.
pub fn run<S: Service>(service: S) -> ExitCode {
    run_with(service, async |_, command: NoOther| match command {})
}

/// The same for a service that has more commands, which `own` carries out.
pub fn run_with<S: Service, C: Subcommand>(_: S, own: impl AsyncFnOnce(S::Settings, C) -> anyhow::Result<()>) -> ExitCode {
    let matches = Arguments::<C>::command().name(S::NAME).bin_name(S::NAME).get_matches();
    let outcome =
        Arguments::<C>::from_arg_matches(&matches).map_err(anyhow::Error::from).and_then(|arguments| play::<S, C>(arguments, own));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", S::NAME);
            ExitCode::FAILURE
        }
    }
}

fn play<S: Service, C: Subcommand>(
    arguments: Arguments<C>,
    own: impl AsyncFnOnce(S::Settings, C) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let settings: S::Settings = settings::load(S::DEFAULTS, arguments.settings.as_deref(), environment())?;
    if let Role::Settings = arguments.role {
        print!("{}", settings::print(&settings)?);
        return Ok(());
    }
    let runtime = Runtime::new().context("the runtime could not be started")?;
    match arguments.role {
        Role::Healthcheck => runtime.block_on(healthcheck::ask(settings.http().operator)),
        Role::Migrate => {
            telemetry::init(S::NAME, settings.telemetry());
            runtime.block_on(stores::migrate::<S>(settings)).context("the migration did not finish")
        }
        Role::Reshard { order } => {
            telemetry::init(S::NAME, settings.telemetry());
            runtime.block_on(stores::reshard::<S>(settings, order))
        }
        Role::Jobs { order } => {
            telemetry::init(S::NAME, settings.telemetry());
            runtime.block_on(stores::jobs::<S>(settings, order))
        }
        Role::Own(command) => {
            telemetry::init(S::NAME, settings.telemetry());
            runtime.block_on(own(settings, command))
        }
        role => {
            telemetry::init(S::NAME, settings.telemetry());
            let roles = match role {
                Role::CheckCache => None,
                Role::Work => Some(Roles::WORK),
                Role::Serve { work: true } => Some(Roles::BOTH),
                _ => Some(Roles::WEB),
            };
            let outcome = runtime.block_on(serve::<S>(settings, roles));
            // Blocking work that does not end must not keep the process.
            runtime.shutdown_timeout(Duration::from_secs(1));
            outcome
        }
    }
}

/// What is not UTF-8 is no setting of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Without roles it checks the cache.
async fn serve<S: Service>(settings: S::Settings, roles: Option<Roles>) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let start = async {
        match roles {
            Some(roles) => Running::start::<S>(settings, roles).await,
            None => Running::start_checker::<S>(settings).await,
        }
    };
    let running = tokio::select! {
        started = start => started.context("the service could not start")?,
        () = signals.next() => {
            tracing::info!("told to stop before it was ready");
            return Ok(());
        }
    };
    tracing::info!(service = S::NAME, public = %running.public(), operator = %running.operator(), "ready");
    let (stop, abort) = running.switches();
    let end = running.ended();
    tokio::pin!(end);
    tokio::select! {
        outcome = &mut end => return outcome,
        () = signals.next() => stop.cancel(),
    }
    tokio::select! {
        outcome = &mut end => outcome,
        () = signals.next() => {
            abort.cancel();
            end.await
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be heard");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
