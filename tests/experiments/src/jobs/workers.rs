//! The workers of the fed service: how they die and come back, and what they tell.

use std::net::SocketAddr;

use anyhow::Context;
use magnitude_stack::{Kind, Stack};

use crate::run::Run;

const GROUP: &str = "social-worker";

pub struct Workers(Vec<String>);

impl Workers {
    /// The one that there is, and another.
    pub async fn two(run: &Run) -> anyhow::Result<Self> {
        run.control(|stack| stack.add(GROUP)).await?;
        Ok(Self(run.control(|stack| Ok(all(stack).into_iter().map(|(name, _)| name).collect())).await?))
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Back to one.
    pub async fn one(self, run: &Run) -> anyhow::Result<()> {
        run.control(|stack| stack.remove(GROUP)).await.map(drop)
    }

    /// Whether every one of them has a line to a broker.
    pub async fn have_lines(&self, run: &Run) -> anyhow::Result<bool> {
        Ok(told(run, "jobs_broker_up").await?.iter().all(|up| *up == Some(1.0)))
    }
}

pub async fn kill(run: &Run, name: &str) -> anyhow::Result<()> {
    let name = name.to_owned();
    run.control(move |stack| stack.kill(&name)).await
}

pub async fn start(run: &Run, name: &str) -> anyhow::Result<()> {
    let name = name.to_owned();
    run.control(move |stack| stack.start(&name)).await
}

/// Messages of the lane `default` that the workers have handed over.
pub async fn relayed(run: &Run) -> anyhow::Result<f64> {
    Ok(told(run, "jobs_relayed_total{lane=\"default\"}").await?.into_iter().flatten().sum())
}

/// What each worker tells under this name.
async fn told(run: &Run, series: &'static str) -> anyhow::Result<Vec<Option<f64>>> {
    let workers = run.control(|stack| Ok(all(stack))).await?;
    let mut told = Vec::new();
    for (_, operator) in workers {
        let asked = reqwest::get(format!("http://{operator}/metrics")).await;
        let Ok(text) = async { asked?.text().await }.await else {
            told.push(None);
            continue;
        };
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        told.push(line.map(|value| value.parse().context("a metric is no number")).transpose()?);
    }
    Ok(told)
}

fn all(stack: &Stack) -> Vec<(String, SocketAddr)> {
    let workers = stack.nodes().into_iter().filter(|node| node.kind == Kind::Worker && node.group == GROUP);
    workers.map(|node| (node.name.clone(), node.operator())).collect()
}
