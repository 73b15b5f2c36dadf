//! An instance of articles whose Redis is cut off from the others: the sessions' replica, taken from its primary, is an old copy.

use std::{net::TcpListener, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use magnitude_session::Token;
use tokio::process::{Child, Command};

use crate::{load::Client, reshard::binary, run::Run, wait};

const REPLICA: &str = "sessions-replica";
const PATIENCE: Duration = Duration::from_mins(2);

pub struct Outsider {
    /// Ends with this value.
    _process: Child,
    pub client: Client,
}

impl Outsider {
    pub async fn start(run: &Run) -> anyhow::Result<Self> {
        let redis = run.control(|stack| Ok(stack.node(REPLICA)?.address.to_string())).await?;
        let (public, operator) = (free_address()?, free_address()?);
        let process = command(run.folder(), &public, &operator, &redis)?.spawn().context("articles cannot be started")?;
        let outsider = Self { _process: process, client: Client::new(&format!("http://{public}"))? };
        let serves = async || Ok((outsider.client.get("/tags", None).await.status == Some(200)).then_some(()));
        wait::until("the outsider serves", PATIENCE, wait::STEP, serves).await?;
        Ok(outsider)
    }
}

/// Waits until the copy has this session, then takes it from its primary.
pub async fn detach(run: &Run, token: &str) -> anyhow::Result<()> {
    wait::until("the copy has the session", PATIENCE, wait::STEP, async || Ok(calls_live(run, token).await?.then_some(()))).await?;
    run.control(|stack| stack.tell_redis(REPLICA, "REPLICAOF NO ONE")).await.map(drop)
}

/// Whether the copy calls the session live.
pub async fn calls_live(run: &Run, token: &str) -> anyhow::Result<bool> {
    let hash = Token::parse(token).context("it is no token")?.hash();
    let said = run.control(move |stack| stack.tell_redis(REPLICA, &format!("GET session:{hash}"))).await?;
    Ok(said.contains("expiresAt"))
}

/// Lets the copy follow again.
pub async fn attach(run: &Run) -> anyhow::Result<()> {
    let follow = |stack: &mut magnitude_stack::Stack| {
        let primary = stack.node("sessions")?.address;
        let said = stack.tell_redis(REPLICA, &format!("REPLICAOF {} {}", primary.ip(), primary.port()))?;
        ensure!(said.starts_with("+OK"), "{REPLICA}: {said}");
        Ok(())
    };
    run.control(follow).await
}

fn command(folder: &Path, public: &str, operator: &str, redis: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(binary("articles")?);
    command.arg("--settings").arg(folder.join("run/articles-1.toml")).arg("serve");
    for (section, name) in [("DATABASE", "articles"), ("CACHE", "redis"), ("SESSIONS", "redis")] {
        command.env(format!("MAGNITUDE_{section}__PASSWORD_FILE"), std::path::absolute(folder.join("secrets").join(name))?);
    }
    command.env("MAGNITUDE_HTTP__PUBLIC", public).env("MAGNITUDE_HTTP__OPERATOR", operator);
    command.env("MAGNITUDE_SESSIONS__NODES", format!("[\"{redis}\"]")).env("MAGNITUDE_TELEMETRY__LOG", "error");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    Ok(command)
}

fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
