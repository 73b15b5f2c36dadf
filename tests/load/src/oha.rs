//! One run of `oha`.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// What oha calls the requests that were under way when its time was up: its own doing, no failure.
const CUT_SHORT: &str = "aborted due to deadline";

#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub requests_per_second: f64,
    pub requests: f64,
    pub p99_ms: f64,
}

pub struct Oha {
    program: PathBuf,
    pub version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

impl Oha {
    /// The program of this stack's tools, or the one on the path.
    pub async fn find() -> anyhow::Result<Self> {
        let own = PathBuf::from(".stack/tools/bin/oha");
        let program = if own.is_file() { own } else { PathBuf::from("oha") };
        let output = Command::new(&program).arg("--version").output().await;
        let output = output.context("oha is missing; `make bench` installs it")?;
        ensure!(output.status.success(), "`oha --version` failed");
        Ok(Self { program, version: String::from_utf8_lossy(&output.stdout).trim().to_owned() })
    }

    /// Keeps `connections` busy with GETs for `seconds`, with a session if there is a token; anything but 200 is an error.
    pub async fn measure(&self, url: &str, token: Option<&str>, connections: usize, seconds: u64) -> anyhow::Result<Measured> {
        let duration = format!("{seconds}s");
        let mut command = Command::new(&self.program);
        command.args(["--no-tui", "--output-format", "json", "-c", &connections.to_string(), "-z", &duration]);
        if let Some(token) = token {
            command.args(["-H", &format!("authorization: Token {token}")]);
        }
        command.arg(url);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let limit = Duration::from_secs(seconds + 30);
        let output = tokio::time::timeout(limit, command.output()).await.with_context(|| format!("oha hangs on {url}"))??;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "oha failed on {url}: {told}");
        parse(&output.stdout).with_context(|| format!("oha on {url}"))
    }
}

fn parse(json: &[u8]) -> anyhow::Result<Measured> {
    let output: Output = serde_json::from_slice(json).context("its report is not what is expected of its JSON")?;
    let (statuses, errors) = (&output.status_code_distribution, &output.error_distribution);
    ensure!(statuses.keys().all(|status| status == "200") && !statuses.is_empty(), "answers other than 200: {statuses:?}");
    ensure!(errors.keys().all(|error| error == CUT_SHORT), "requests failed: {errors:?}");
    let p99 = output.latency_percentiles.get("p99").copied().flatten().context("no p99")?;
    #[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^53")]
    let requests = statuses.values().sum::<u64>() as f64;
    Ok(Measured { requests_per_second: output.summary.requests_per_sec, requests, p99_ms: p99 * 1_000.0 })
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn report(statuses: &str, errors: &str) -> String {
        format!(
            r#"{{"summary":{{"successRate":1.0,"requestsPerSec":1250.5}},"latencyPercentiles":{{"p50":0.001,"p99":0.0042,"p99.99":null}},
            "statusCodeDistribution":{statuses},"errorDistribution":{errors}}}"#
        )
    }

    #[test]
    fn requests_cut_short_at_the_end_are_no_failures() {
        let measured = parse(report(r#"{"200":9}"#, r#"{"aborted due to deadline":32}"#).as_bytes()).expect("a good run");
        assert!((measured.requests_per_second - 1250.5).abs() < 1e-9 && (measured.p99_ms - 4.2).abs() < 1e-9);
    }

    #[test]
    fn a_run_with_failures_is_no_measurement() {
        for (statuses, errors) in [(r#"{"200":9,"503":1}"#, "{}"), ("{}", "{}"), (r#"{"200":9}"#, r#"{"connection error":1}"#)] {
            assert!(parse(report(statuses, errors).as_bytes()).is_err());
        }
    }
}
