//! Claim 8: Redis is flushed and dies, every web instance is replaced, and nobody is signed out; who was is refused everywhere.

use std::time::Duration;

use anyhow::ensure;
use futures_util::future::try_join_all;
use magnitude_load::report::Figure;
use reqwest::Method;
use tokio::time::Instant;

use crate::{
    check::Found,
    load::{Client, Load, Settings},
    outsider::{self, Outsider},
    people::People,
    run::{Options, Run},
    wait,
};

const NAME: &str = "stateless";
const TITLE: &str = "Redis is flushed and dies, every web instance is replaced, and sessions are revoked";

/// What the claim allows between the answer of a log-out and the last answer with its session.
const GOAL: f64 = 1.0;
const PATIENCE: Duration = Duration::from_mins(2);
const STEP: Duration = Duration::from_millis(10);

/// The sessions' Redis while a session is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Redis {
    Up,
    Flushed,
    /// One instance has an old copy, which goes on calling the session live.
    CutOff,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let url = run.stack()?.url;
    let load = Load::start(&url, run.owners().await?, &Settings::new(run.seed)).await?;
    let people = People::sign_in(&url, if run.options.short { 8 } else { 40 }).await?;
    for _ in 0..run.rounds(5, 1) {
        lose(&run, &load).await?;
    }
    let seen = people.stop().await?;
    let mut worst = Vec::new();
    for redis in [Redis::Up, Redis::Flushed, Redis::CutOff] {
        worst.push((redis, revoke(&run, &url, redis).await?));
    }
    let record = load.stop().await?;
    run.check(&record).await?;
    run.found(Found {
        checker: "sessions lost",
        violations: seen.lost.iter().map(|place| format!("person {place} was signed out")).collect(),
    });
    for (redis, took) in worst {
        run.figure(Figure::at_most(
            format!("a revoked session is refused everywhere, Redis {}", redis.name()),
            took.as_secs_f64(),
            "s",
            GOAL,
        ));
    }
    let history = &record.history;
    run.figure(Figure::shown("looks at the own session", crate::load::count(seen.looks), "count"));
    run.figure(Figure::shown("looks without an answer", crate::load::count(seen.failed), "count"));
    run.figure(Figure::shown("failed writes", crate::load::count(history.failed_writes(history.whole()).len()), "count"));
    run.figure(Figure::shown("failed reads", crate::load::count(history.failed_reads(history.whole()).len()), "count"));
    run.end().await
}

/// Everything that a web tier without state must not notice.
async fn lose(run: &Run, load: &Load) -> anyhow::Result<()> {
    for redis in ["cache", "cache-2", "sessions"] {
        run.fault(&format!("{redis} is flushed"));
        run.control(move |stack| stack.tell_redis(redis, "FLUSHALL")).await?;
        load.pass(Duration::from_secs(3)).await;
    }
    run.fault("sessions is killed");
    run.control(|stack| stack.kill("sessions")).await?;
    load.pass(Duration::from_secs(5)).await;
    run.control(|stack| stack.start("sessions")).await?;
    let services: Vec<String> = run.stack()?.services.into_keys().collect();
    for service in services {
        for node in run.control(move |stack| stack.select(&service)).await? {
            run.fault(&format!("{} is replaced", node.name));
            run.control(move |stack| stack.restart(&node.name)).await?;
        }
    }
    Ok(())
}

/// The longest time that any instance took to refuse a session, of several.
async fn revoke(run: &Run, url: &str, redis: Redis) -> anyhow::Result<Duration> {
    let mut instances = instances(run)?;
    let outsider = if redis == Redis::CutOff { Some(Outsider::start(run).await?) } else { None };
    instances.extend(outsider.iter().map(|outsider| ("articles".to_owned(), outsider.client.clone())));
    let mut worst = Duration::ZERO;
    for _ in 0..run.rounds(20, 3) {
        worst = worst.max(revoke_one(run, url, redis, &instances).await?);
    }
    run.fault(&format!("sessions were revoked, Redis {}: refused after {worst:.2?} at most", redis.name()));
    Ok(worst)
}

async fn revoke_one(run: &Run, url: &str, redis: Redis, instances: &[(String, Client)]) -> anyhow::Result<Duration> {
    let token = magnitude_load::client::register(&magnitude_load::client::http()?, url).await?;
    try_join_all(instances.iter().map(|(service, client)| wait_for(service, client, &token, true))).await?;
    if redis == Redis::CutOff {
        outsider::detach(run, &token).await?;
    }
    log_out(url, &token).await?;
    let begun = Instant::now();
    if redis == Redis::Flushed {
        run.control(|stack| stack.tell_redis("sessions", "FLUSHALL")).await?;
    }
    try_join_all(instances.iter().map(|(service, client)| wait_for(service, client, &token, false))).await?;
    let took = begun.elapsed();
    if redis == Redis::CutOff {
        ensure!(outsider::calls_live(run, &token).await?, "the old copy knows of the revocation: this proves nothing");
        outsider::attach(run).await?;
    }
    Ok(took)
}

/// Until it is answered: instances were just replaced. Who asks again after an answer that was lost is signed out already.
async fn log_out(url: &str, token: &str) -> anyhow::Result<()> {
    let client = Client::new(url)?;
    wait::until("a session is ended", PATIENCE, STEP, async || {
        let left = client.send(Method::POST, "/users/logout", Some(token), None).await;
        match left.status {
            Some(204 | 401) => Ok(Some(())),
            None | Some(500..) => Ok(None),
            status => anyhow::bail!("a log-out was answered with {status:?}: {}", left.why),
        }
    })
    .await
}

/// Every instance past the load balancer, with its service.
fn instances(run: &Run) -> anyhow::Result<Vec<(String, Client)>> {
    let services = run.stack()?.services;
    let all = services.iter().flat_map(|(service, instances)| instances.iter().map(move |instance| (service, instance)));
    all.map(|(service, instance)| Ok((service.clone(), Client::new(&format!("http://{}", instance.public))?))).collect()
}

/// Asks until an instance accepts or refuses the session.
async fn wait_for(service: &str, client: &Client, token: &str, accepted: bool) -> anyhow::Result<()> {
    let what = if accepted { "a new session is accepted" } else { "a revoked session is refused" };
    wait::until(what, PATIENCE, STEP, async || Ok((is_accepted(service, client, token).await? == Some(accepted)).then_some(()))).await
}

/// None without an answer about it.
async fn is_accepted(service: &str, client: &Client, token: &str) -> anyhow::Result<Option<bool>> {
    let (method, path) = match service {
        "accounts" => (Method::GET, "/user"),
        "articles" => (Method::GET, "/articles/feed"),
        // Nothing is no image, which only who is signed in is told.
        "media" => (Method::POST, "/media"),
        // Nobody has this name: it is looked for only for who is signed in.
        _ => (Method::POST, "/profiles/..nobody/follow"),
    };
    let reply = client.send(method, path, Some(token), None).await;
    match reply.status {
        Some(401) => Ok(Some(false)),
        Some(200 | 404 | 422 | 429) => Ok(Some(true)),
        None | Some(500..) => Ok(None),
        status => anyhow::bail!("{service} answered {status:?}: {}", reply.why),
    }
}

impl Redis {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Flushed => "flushed",
            Self::CutOff => "cut off from one instance",
        }
    }
}
