//! What happens to RabbitMQ.

use std::time::{Duration, Instant};

use anyhow::Context;
use magnitude_load::report::Figure;
use magnitude_stack::{Kind, Stack};

use super::workers::Workers;
use crate::{run::Run, wait};

const QUEUE: &str = "social.default";
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(50);

pub struct Brokers(Vec<String>);

impl Brokers {
    pub async fn of(run: &Run) -> anyhow::Result<Self> {
        let names = |stack: &mut Stack| {
            let brokers = stack.nodes().into_iter().filter(|node| node.kind == Kind::Broker);
            Ok(brokers.map(|node| node.name).collect())
        };
        Ok(Self(run.control(names).await?))
    }

    /// All end in order and start again; says how long after that the workers have their lines back.
    pub async fn restart(&self, run: &mut Run, workers: &Workers) -> anyhow::Result<()> {
        run.fault("all brokers are restarted");
        self.each(run, Stack::stop).await?;
        wait::until("the lines break", PATIENCE, LOOK, async || Ok((!workers.have_lines(run).await?).then_some(()))).await?;
        // Together: those that ended first wait for the last one.
        run.control(|stack| stack.start_brokers()).await?;
        let ready = Instant::now();
        wait::until("the workers have lines", PATIENCE, LOOK, async || Ok(workers.have_lines(run).await?.then_some(()))).await?;
        run.figure(Figure::at_most("from the brokers being ready to every worker's line", ready.elapsed().as_secs_f64(), "s", 3.0));
        Ok(())
    }

    /// The broker that leads the queue dies and starts again.
    pub async fn kill_leader(&self, run: &Run) -> anyhow::Result<()> {
        let leader = self.leader(run).await?;
        run.fault(&format!("{leader}, which leads the queue, is killed"));
        run.control(move |stack| stack.kill(&leader).and_then(|()| stack.start(&leader))).await
    }

    pub async fn freeze(&self, run: &Run) -> anyhow::Result<()> {
        self.each(run, Stack::pause).await
    }

    pub async fn thaw(&self, run: &Run) -> anyhow::Result<()> {
        self.each(run, Stack::resume).await
    }

    /// As the cluster says it.
    async fn leader(&self, run: &Run) -> anyhow::Result<String> {
        let [first, rest @ ..] = &self.0[..] else { anyhow::bail!("there is no broker") };
        if rest.is_empty() {
            return Ok(first.clone());
        }
        let brokers = self.0.clone();
        wait::until("the queue has a leader", PATIENCE, wait::STEP, async || {
            let asked = brokers.clone();
            let list = ["list_queues", "--silent", "--vhost", "magnitude", "name", "leader"];
            let told = run.control(move |stack| Ok(asked.iter().find_map(|broker| stack.rabbitmqctl(broker, &list).ok())));
            Ok(told.await?.and_then(|told| leader_of(QUEUE, &told)).filter(|leader| brokers.contains(leader)))
        })
        .await
    }

    async fn each(&self, run: &Run, work: fn(&Stack, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let brokers = self.0.clone();
        run.control(move |stack| brokers.iter().try_for_each(|broker| work(stack, broker))).await.context("the brokers")
    }
}

/// The node's name of `queue  name@address`.
fn leader_of(queue: &str, told: &str) -> Option<String> {
    let lines = told.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let (_, leader) = lines.into_iter().find(|(name, _)| name.trim() == queue)?;
    Some(leader.trim().split_once('@')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::leader_of;

    #[test]
    fn the_leader_is_named_before_its_address() {
        let told = "social.bulk\trabbitmq@127.70.1.26\nsocial.default\trabbitmq-2@127.70.1.27\n";
        assert_eq!(leader_of("social.default", told).as_deref(), Some("rabbitmq-2"));
        assert_eq!(leader_of("social.critical", told), None);
    }
}
