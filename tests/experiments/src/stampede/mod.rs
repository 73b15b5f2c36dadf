//! Claim 5: the clients of several processes miss one key at once, and the database is asked once.

mod clients;

use std::{process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use magnitude_load::report::Figure;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    load::{Latencies, count, millis},
    run::{Options, Run},
};
pub use clients::{Clients, Waited};

const NAME: &str = "stampede";
const TITLE: &str = "10 000 clients of 4 processes miss one key at once, and make one query";
const PROCESSES: usize = 4;
const CLIENTS: usize = 10_000;
/// A process that says nothing for so long never will.
const PATIENCE: Duration = Duration::from_mins(2);
/// What counts the queries, in the database.
const COUNTER: &str = "stampede_queries";

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let databases = run.databases()?;
    let mut primary = databases.primary(0, "postgres").await?;
    sqlx::query("create sequence if not exists stampede_queries").execute(&mut primary).await?;
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(Process::start(run.seed).await?);
    }
    let (mut most, mut fewest, mut beyond, mut queries) = (0, i64::MAX, Vec::new(), Vec::new());
    for round in 0..run.rounds(20, 3) {
        let before = asked(&mut primary).await?;
        run.fault(&format!("{CLIENTS} clients miss key {round}"));
        // All are told before the first answer is waited for.
        for process in &mut processes {
            process.begin(round).await?;
        }
        let mut waited = Waited::default();
        for process in &mut processes {
            waited.add(process.ended().await?);
        }
        ensure!(waited.waits.len() == CLIENTS, "{} of {CLIENTS} clients were answered", waited.waits.len());
        let made = asked(&mut primary).await? - before;
        (most, fewest) = (most.max(made), fewest.min(made));
        let query = waited.queries.iter().copied().max().context("nobody asked the database")?;
        let p99 = Latencies::of(waited.waits.into_iter()).percentile(0.99);
        run.tell(&format!("{made} queries, the longest of {query:.1?}; p99 of the clients {p99:.1?}"));
        beyond.push(p99.saturating_sub(query));
        queries.push(query);
    }
    sqlx::query("drop sequence stampede_queries").execute(&mut primary).await?;
    ensure!(fewest >= 1, "a round made no query: it proves nothing");
    let beyond = Latencies::of(beyond.into_iter());
    run.figure(Figure::at_most("queries a miss, most", count(usize::try_from(most)?), "count", 1.0));
    run.figure(Figure::at_most("p99 of waiting beyond the query, median of the rounds", millis(beyond.percentile(0.5)), "ms", 25.0));
    run.figure(Figure::shown("p99 of waiting beyond the query, worst round", millis(beyond.worst()), "ms"));
    run.figure(Figure::shown("the query, median", millis(Latencies::of(queries.into_iter()).percentile(0.5)), "ms"));
    run.end().await
}

async fn asked(primary: &mut sqlx::PgConnection) -> anyhow::Result<i64> {
    let (last, called): (i64, bool) = sqlx::query_as("select last_value, is_called from stampede_queries").fetch_one(primary).await?;
    Ok(if called { last } else { 0 })
}

/// A process of clients.
struct Process {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    async fn start(seed: u64) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let clients = (CLIENTS / PROCESSES).to_string();
        let mut command = Command::new(program);
        command.args(["stampede-clients", "--clients", &clients, "--space", &format!("{seed:016x}"), "--counter", COUNTER]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("a process of clients")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?).lines();
        let mut process = Self { child, answers };
        ensure!(process.line().await? == "ready", "a process of clients did not get ready");
        Ok(process)
    }

    async fn begin(&mut self, round: usize) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("its input")?;
        Ok(input.write_all(format!("{round}\n").as_bytes()).await?)
    }

    async fn ended(&mut self) -> anyhow::Result<Waited> {
        Ok(serde_json::from_str(&self.line().await?)?)
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = timeout(PATIENCE, self.answers.next_line()).await.context("a process of clients is silent")??;
        line.context("a process of clients ended")
    }
}
