//! One instance of `articles`, directly and through Envoy, each route beside the same bytes as a constant.

use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;
use reqwest::Client;
use serde_json::Value;

use crate::{
    client, instance,
    oha::{Measured, Oha},
    report::{Figure, Report, median},
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

/// A route, and the constant that answers the same bytes.
struct Route {
    name: &'static str,
    path: String,
    constant: String,
    /// Of the session that asks, if one does; the constant is asked by nobody.
    token: Option<String>,
    /// The least share of the constant's rate, asked of the instance directly.
    goal: f64,
    /// The most commands to Redis that a request may cost on average. A hot answer is read anew once a second.
    commands: f64,
}

/// Resident bytes of the instance, in MiB.
const IDLE: f64 = 60.0;
const LOADED: f64 = 200.0;
const MIB: f64 = 1_048_576.0;
/// Requests of one client, one after another, for the time that a session's look-up takes.
const LOOKUPS: usize = 2_000;

/// What one round measured.
struct Round {
    real: Measured,
    constant: Measured,
    /// Commands to Redis a request.
    commands: f64,
}

impl Bench {
    pub async fn run(self, stack: &Stack) -> anyhow::Result<()> {
        let (oha, http) = (Oha::find().await?, client::http()?);
        let instances = stack.articles();
        let [direct] = &instances[..] else {
            bail!("{} instances of articles: Envoy would spread over them, so the two gates could not be compared", instances.len());
        };
        let operator = &stack.services["articles"][0].operator;
        let idle = memory(&http, operator).await?;
        let (slug, token) = prepare(&http, stack).await?;
        let routes = routes(&slug, &token);
        for route in &routes {
            keep_constant(&http, direct, route).await?;
        }
        let mut figures = Vec::new();
        for (gate, base) in [("directly", direct), ("through Envoy", &stack.url)] {
            for route in &routes {
                same_bytes(&http, base, route).await?;
                let rounds = self.rounds_of(&oha, stack, base, route).await?;
                figures.extend(figures_of(gate, route, gate == "directly", &rounds));
                same_bytes(&http, base, route).await?;
            }
        }
        figures.push(session_lookup(&http, stack, direct, &token).await?);
        let loaded = memory(&http, operator).await?;
        figures.push(Figure::at_most("memory of the instance, before the load", idle, "MiB", IDLE));
        figures.push(Figure::at_most("memory of the instance, after the load", loaded, "MiB", LOADED));
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
    async fn rounds_of(&self, oha: &Oha, stack: &Stack, base: &str, route: &Route) -> anyhow::Result<Vec<Round>> {
        let (real, constant) = (format!("{base}{}", route.path), format!("{base}{}", route.constant));
        let token = route.token.as_deref();
        oha.measure(&real, token, self.connections, 1).await?;
        oha.measure(&constant, None, self.connections, 1).await?;
        let mut rounds = Vec::new();
        for number in 0..self.rounds {
            let ours = async || {
                let before = instance::redis_commands(stack).await?;
                let measured = oha.measure(&real, token, self.connections, self.seconds).await?;
                let commands = (instance::redis_commands(stack).await? - before) / measured.requests.max(1.0);
                anyhow::Ok((measured, commands))
            };
            let theirs = async || oha.measure(&constant, None, self.connections, self.seconds).await;
            let ((real, commands), constant) = if number % 2 == 0 {
                let ours = ours().await?;
                (ours, theirs().await?)
            } else {
                let theirs = theirs().await?;
                (ours().await?, theirs)
            };
            eprintln!(
                "{base} {}: {:.0}/s, constant {:.0}/s, {commands:.3} commands to Redis a request",
                route.name, real.requests_per_second, constant.requests_per_second
            );
            rounds.push(Round { real, constant, commands });
        }
        Ok(rounds)
    }
}

/// The instance's resident MiB.
async fn memory(http: &Client, operator: &str) -> anyhow::Result<f64> {
    Ok(instance::metric(http, operator, "process_resident_memory_bytes").await? / MIB)
}

fn routes(slug: &str, token: &str) -> [Route; 3] {
    let list = format!("/api/articles?limit={PAGE}");
    let constant = |name: &str| format!("/api/articles/-/constant/{name}");
    [
        Route {
            name: "article",
            path: format!("/api/articles/{slug}"),
            constant: constant("article"),
            token: None,
            goal: 0.8,
            commands: 0.01,
        },
        Route { name: "list of 20", path: list.clone(), constant: constant("list"), token: None, goal: 0.8, commands: 0.01 },
        Route {
            name: "list of 20 with a session",
            path: list,
            constant: constant("list-of-a-session"),
            token: Some(token.to_owned()),
            goal: 0.4,
            commands: 2.0,
        },
    ]
}

fn figures_of(gate: &str, route: &Route, aimed: bool, rounds: &[Round]) -> Vec<Figure> {
    let named = |what: &str| format!("{} {gate}: {what}", route.name);
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = of(|round| round.real.requests_per_second / round.constant.requests_per_second);
    let mut figures = vec![
        Figure::shown(named("rate"), of(|round| round.real.requests_per_second), "1/s"),
        Figure::shown(named("constant's rate"), of(|round| round.constant.requests_per_second), "1/s"),
        Figure::shown(named("p99"), of(|round| round.real.p99_ms), "ms"),
        Figure::shown(named("constant's p99"), of(|round| round.constant.p99_ms), "ms"),
    ];
    let share = named("rate beside a constant's");
    figures.push(if aimed { Figure::at_least(share, ratio, "ratio", route.goal) } else { Figure::shown(share, ratio, "ratio") });
    if aimed {
        figures.push(Figure::at_most(named("commands to Redis a request"), of(|round| round.commands), "count", route.commands));
    }
    figures
}

/// How long the instance takes to resolve a session, in a row of requests by one client.
async fn session_lookup(http: &Client, stack: &Stack, direct: &str, token: &str) -> anyhow::Result<Figure> {
    let operator = &stack.services["articles"][0].operator;
    let slow = async || -> anyhow::Result<(f64, f64)> {
        let within = instance::metric(http, operator, "session_lookup_seconds_bucket{le=\"0.001\"}").await?;
        Ok((within, instance::metric(http, operator, "session_lookup_seconds_count").await?))
    };
    let before = slow().await?;
    for _ in 0..LOOKUPS {
        http.get(format!("{direct}/api/articles?limit={PAGE}"))
            .header("authorization", format!("Token {token}"))
            .send()
            .await?
            .error_for_status()?;
    }
    let after = slow().await?;
    let share = (after.0 - before.0) / (after.1 - before.1);
    Ok(Figure::at_least("sessions that are looked up within a millisecond", 100.0 * share, "%", 99.0))
}

/// Makes what is missing of a full page; the slug of an article, and the token of a session that favorited every other entry of it
/// and follows the first one's author: an answer without a flag to set would be a cheaper one.
async fn prepare(http: &Client, stack: &Stack) -> anyhow::Result<(String, String)> {
    let list = format!("{}/api/articles?limit={PAGE}", stack.url);
    let page = async || anyhow::Ok(http.get(&list).send().await?.error_for_status()?.json::<Value>().await?);
    let (author, viewer) = (client::register(http, &stack.url).await?, client::register(http, &stack.url).await?);
    let there = page().await?["articles"].as_array().map_or(0, Vec::len);
    for number in there..PAGE {
        client::publish(http, &stack.url, &author, number, &["bench".to_owned()]).await?;
    }
    let page = page().await?;
    let articles = page["articles"].as_array().map_or(&[][..], Vec::as_slice);
    for article in articles.iter().step_by(2) {
        let path = format!("{}/api/articles/{}/favorite", stack.url, client::text(&article["slug"])?);
        client::post(http, &path, Some(&viewer), &Value::Null).await?;
    }
    let author = client::text(&page["articles"][0]["author"]["username"])?;
    client::post(http, &format!("{}/api/profiles/{author}/follow", stack.url), Some(&viewer), &Value::Null).await?;
    Ok((client::text(&page["articles"][0]["slug"])?, viewer))
}

/// Gives the instance the bytes that the route answers now.
async fn keep_constant(http: &Client, instance: &str, route: &Route) -> anyhow::Result<()> {
    let body = bytes(http, &format!("{instance}{}", route.path), route.token.as_deref()).await?;
    let answer = http.put(format!("{instance}{}", route.constant)).body(body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "{instance} keeps no constants ({status}): `make bench` starts a stack whose articles does");
    Ok(())
}

async fn same_bytes(http: &Client, base: &str, route: &Route) -> anyhow::Result<()> {
    let real = bytes(http, &format!("{base}{}", route.path), route.token.as_deref()).await?;
    let constant = bytes(http, &format!("{base}{}", route.constant), None).await?;
    ensure!(real == constant, "{base}: {} and its constant differ; is somebody writing?", route.name);
    Ok(())
}

async fn bytes(http: &Client, url: &str, token: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut request = http.get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Token {token}"));
    }
    Ok(request.send().await?.error_for_status()?.bytes().await?.to_vec())
}
