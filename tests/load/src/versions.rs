//! The versions of what was measured; a part that does not tell its version is left out.

use std::{collections::BTreeMap, time::Duration};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::process::Command;

use crate::stack::Stack;

const PATIENCE: Duration = Duration::from_secs(5);

/// By name.
pub async fn of(stack: &Stack) -> BTreeMap<String, String> {
    let found = [
        ("envoy", within(envoy()).await),
        ("build", build()),
        ("nginx", within(nginx()).await),
        ("processor", line_of("/proc/cpuinfo", "model name")),
        ("memory", line_of("/proc/meminfo", "MemTotal")),
        ("postgres", within(postgres(stack)).await),
        ("redis", within(redis(stack)).await),
        ("linux", within(output("uname", &["-r"])).await),
        ("commit", within(output("git", &["rev-parse", "--short", "HEAD"])).await),
        ("cores", std::thread::available_parallelism().ok().map(|cores| cores.to_string())),
    ];
    found.into_iter().filter_map(|(name, version)| Some((name.to_owned(), version?))).collect()
}

async fn within(version: impl Future<Output = anyhow::Result<String>>) -> Option<String> {
    tokio::time::timeout(PATIENCE, version).await.ok()?.ok()
}

async fn postgres(stack: &Stack) -> anyhow::Result<String> {
    let shard = stack.postgres.first().ok_or_else(|| anyhow::anyhow!("no shard"))?;
    let (host, port) = shard.nodes.first().and_then(|node| node.rsplit_once(':')).ok_or_else(|| anyhow::anyhow!("no node"))?;
    let options = PgConnectOptions::new_without_pgpass().host(host).port(port.parse()?).database("postgres");
    let options = options.username(&stack.postgres_user).password(&stack.postgres_password);
    let mut connection = PgConnection::connect_with(&options).await?;
    Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?)
}

async fn redis(stack: &Stack) -> anyhow::Result<String> {
    let told = crate::instance::ask(&stack.cache, &stack.redis_password, "INFO server").await?;
    let line = told.lines().find_map(|line| line.strip_prefix("valkey_version:").or_else(|| line.strip_prefix("redis_version:")));
    line.map(|version| version.trim().to_owned()).ok_or_else(|| anyhow::anyhow!("no version told"))
}

async fn envoy() -> anyhow::Result<String> {
    let told = output(".stack/envoy", &["--version"]).await?;
    envoy_version(&told).ok_or_else(|| anyhow::anyhow!("no version in {told:?}"))
}

/// It tells on the side of errors.
async fn nginx() -> anyhow::Result<String> {
    let output =
        Command::new("nginx").arg("-v").env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin").output().await?;
    let told = String::from_utf8(output.stderr)?;
    told.trim().split_once('/').map(|(_, version)| version.to_owned()).ok_or_else(|| anyhow::anyhow!("no version in {told:?}"))
}

fn envoy_version(told: &str) -> Option<String> {
    told.split_once("version: ")?.1.split('/').nth(1).map(str::to_owned)
}

/// The folder of this program, where the services lie beside it: `release` or `debug`.
fn build() -> Option<String> {
    let own = std::env::current_exe().ok()?;
    Some(own.parent()?.file_name()?.to_string_lossy().into_owned())
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

async fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output().await?;
    anyhow::ensure!(output.status.success(), "{program} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::envoy_version;

    #[test]
    fn the_path_of_envoy_is_not_taken_for_its_version() {
        let told = ".stack/envoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.36.2/Clean/RELEASE/BoringSSL";
        assert_eq!(envoy_version(told).as_deref(), Some("1.36.2"));
    }
}
