//! One instance of `articles`, directly and through Envoy, each route beside the same bytes as a constant.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;
use reqwest::Client;
use serde_json::Value;

use crate::{
    client,
    oha::{Measured, Oha},
    report::{Figure, Report},
    stack::Stack,
    versions,
};

const PAGE: usize = 20;

#[derive(Args)]
pub struct Bench {
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=50))]
    rounds: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    #[arg(long, default_value_t = 32, value_parser = crate::fill::upto)]
    connections: usize,
    #[arg(long, default_value = "reports/bench.json")]
    report: PathBuf,
}

/// A route and the constant that answers the same bytes.
struct Route {
    name: &'static str,
    path: String,
    constant: String,
}

/// What one round measured.
struct Round {
    real: Measured,
    constant: Measured,
}

impl Bench {
    pub async fn run(self, stack: &Stack) -> anyhow::Result<()> {
        let (oha, http) = (Oha::find().await?, client::http()?);
        let instances = stack.articles();
        let [direct] = &instances[..] else {
            bail!("{} instances of articles: Envoy would spread over them, so the two gates could not be compared", instances.len());
        };
        let slug = prepare(&http, stack).await?;
        let routes = [
            Route { name: "article", path: format!("/api/articles/{slug}"), constant: "/api/articles/-/constant/article".to_owned() },
            Route { name: "list of 20", path: format!("/api/articles?limit={PAGE}"), constant: "/api/articles/-/constant/list".to_owned() },
        ];
        for route in &routes {
            keep_constant(&http, direct, route).await?;
        }
        let mut figures = Vec::new();
        for (gate, base) in [("directly", direct), ("through Envoy", &stack.url)] {
            for route in &routes {
                same_bytes(&http, base, route).await?;
                figures.extend(figures_of(gate, route, &self.rounds_of(&oha, base, route).await?));
                same_bytes(&http, base, route).await?;
            }
        }
        let mut versions = versions::of(stack).await;
        versions.insert("oha".to_owned(), oha.version.clone());
        let report = Report {
            claim: "bench".to_owned(),
            title: "articles answers reads at a share of the rate of a constant answer".to_owned(),
            command: format!(
                "make bench: load bench --rounds {} --seconds {} --connections {}",
                self.rounds, self.seconds, self.connections
            ),
            versions,
            figures,
        };
        report.write(&self.report)
    }

    /// Both in turn, on a stack where nobody else works; which goes first changes every round, so that neither always meets the warmer machine.
    async fn rounds_of(&self, oha: &Oha, base: &str, route: &Route) -> anyhow::Result<Vec<Round>> {
        let (real, constant) = (format!("{base}{}", route.path), format!("{base}{}", route.constant));
        for url in [&real, &constant] {
            oha.measure(url, self.connections, 1).await?;
        }
        let mut rounds = Vec::new();
        for number in 0..self.rounds {
            let measure = async |url| oha.measure(url, self.connections, self.seconds).await;
            let round = if number % 2 == 0 {
                let real = measure(&real).await?;
                Round { real, constant: measure(&constant).await? }
            } else {
                let constant = measure(&constant).await?;
                Round { real: measure(&real).await?, constant }
            };
            eprintln!(
                "{base} {}: {:.0}/s, constant {:.0}/s",
                route.name, round.real.requests_per_second, round.constant.requests_per_second
            );
            rounds.push(round);
        }
        Ok(rounds)
    }
}

fn figures_of(gate: &str, route: &Route, rounds: &[Round]) -> [Figure; 5] {
    let named = |what: &str| format!("{} {gate}: {what}", route.name);
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    [
        Figure::shown(named("rate beside a constant's"), of(|r| r.real.requests_per_second / r.constant.requests_per_second), "ratio"),
        Figure::shown(named("rate"), of(|r| r.real.requests_per_second), "1/s"),
        Figure::shown(named("constant's rate"), of(|r| r.constant.requests_per_second), "1/s"),
        Figure::shown(named("p99"), of(|r| r.real.p99_ms), "ms"),
        Figure::shown(named("constant's p99"), of(|r| r.constant.p99_ms), "ms"),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// Makes what is missing of a full page; the slug of an article.
async fn prepare(http: &Client, stack: &Stack) -> anyhow::Result<String> {
    let list = format!("{}/api/articles?limit={PAGE}", stack.url);
    let page: Value = http.get(&list).send().await?.error_for_status()?.json().await?;
    let there = page["articles"].as_array().map_or(0, Vec::len);
    if there < PAGE {
        let token = client::register(http, &stack.url).await?;
        for number in there..PAGE {
            client::publish(http, &stack.url, &token, number, &["bench".to_owned()]).await?;
        }
    }
    let page: Value = http.get(&list).send().await?.error_for_status()?.json().await?;
    client::text(&page["articles"][0]["slug"])
}

/// Gives the instance the bytes that the route answers now.
async fn keep_constant(http: &Client, instance: &str, route: &Route) -> anyhow::Result<()> {
    let body = bytes(http, &format!("{instance}{}", route.path)).await?;
    let answer = http.put(format!("{instance}{}", route.constant)).body(body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "{instance} keeps no constants ({status}): `make bench` starts a stack whose articles does");
    Ok(())
}

async fn same_bytes(http: &Client, base: &str, route: &Route) -> anyhow::Result<()> {
    let real = bytes(http, &format!("{base}{}", route.path)).await?;
    let constant = bytes(http, &format!("{base}{}", route.constant)).await?;
    ensure!(real == constant, "{base}: {} and its constant differ; is somebody writing?", route.name);
    Ok(())
}

async fn bytes(http: &Client, url: &str) -> anyhow::Result<Vec<u8>> {
    Ok(http.get(url).send().await?.error_for_status()?.bytes().await?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
