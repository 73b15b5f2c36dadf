//! Clients that go on asking, and what they got.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use magnitude_load::raw::{Cut, Raw};
use rand::{Rng, RngExt, SeedableRng, rngs::SmallRng};
use tokio::{task::JoinSet, time::Instant};

use super::scene::{Object, SOON};
use crate::load::Latencies;

/// What is asked for, the first far more often than the last.
pub struct Popularity {
    objects: Vec<Object>,
    /// The sum of the weights up to each.
    sums: Vec<f64>,
}

#[derive(Default)]
pub struct Seen {
    /// Answers, by what `X-Cache` said.
    pub answers: BTreeMap<String, usize>,
    /// Answers that were none, or not the right ones.
    pub failures: Vec<String>,
    /// How many of those came so late that the origin may have been given up.
    pub late: usize,
    /// Answers that ended in the middle and were asked for again.
    pub cut: usize,
    pub waits: Vec<Duration>,
}

/// Readers under way.
pub struct Readers {
    running: JoinSet<Seen>,
    stop: Arc<AtomicBool>,
}

impl Popularity {
    /// By Zipf's law: the second is asked for half as often as the first, the third a third as often.
    pub fn zipf(objects: Vec<Object>) -> Arc<Self> {
        let mut sum = 0.0;
        let weights = (1_u32..).map(|rank| 1.0 / f64::from(rank)).take(objects.len());
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Arc::new(Self { sums: sums.collect(), objects })
    }

    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    fn draw(&self, random: &mut impl Rng) -> &Object {
        let drawn = random.random::<f64>() * self.sums.last().copied().unwrap_or_default();
        let found = self.sums.partition_point(|sum| *sum <= drawn);
        &self.objects[found.min(self.objects.len() - 1)]
    }
}

impl Readers {
    /// So many clients, each with a connection of its own, and `pause` between two requests. Each ends after `most` requests.
    pub fn start(address: SocketAddr, what: &Arc<Popularity>, clients: usize, most: usize, pause: Duration, seed: u64) -> Self {
        let (mut running, stop) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for client in 0..clients {
            let (what, stop) = (what.clone(), stop.clone());
            let mut random = SmallRng::seed_from_u64(seed.wrapping_add(client as u64));
            running.spawn(async move {
                let (mut answers, mut line) = (Seen::default(), None);
                for _ in 0..most {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    read(address, &mut line, what.draw(&mut random), &mut answers).await;
                    tokio::time::sleep(pause).await;
                }
                answers
            });
        }
        Self { running, stop }
    }

    /// Ends them.
    pub async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    /// Waits until they have asked for all that they may.
    pub async fn ended(self) -> Seen {
        let mut all = Seen::default();
        for seen in self.running.join_all().await {
            for (cache, count) in seen.answers {
                *all.answers.entry(cache).or_default() += count;
            }
            all.failures.extend(seen.failures);
            all.late += seen.late;
            all.cut += seen.cut;
            all.waits.extend(seen.waits);
        }
        all
    }
}

/// One request, and once more if its answer ended in the middle.
async fn read(address: SocketAddr, line: &mut Option<Raw>, object: &Object, seen: &mut Seen) {
    let begun = Instant::now();
    let mut answered = ask(address, line, object).await;
    if answered.as_ref().is_err_and(anyhow::Error::is::<Cut>) {
        seen.cut += 1;
        answered = ask(address, line, object).await;
    }
    match answered.with_context(|| object.path.clone()) {
        Ok(cache) => *seen.answers.entry(cache).or_default() += 1,
        Err(error) => {
            seen.failures.push(format!("{error:#}"));
            seen.late += usize::from(begun.elapsed() >= SOON);
        }
    }
    seen.waits.push(begun.elapsed());
}

/// What `X-Cache` says of the answer, over the connection of before if that is good for another.
async fn ask(address: SocketAddr, line: &mut Option<Raw>, object: &Object) -> anyhow::Result<String> {
    let mut raw = match line.take() {
        Some(raw) => raw,
        None => Raw::connect(address).await?,
    };
    let got = raw.get(&object.path).await?;
    ensure!(got.status == 200, "{}", got.status);
    ensure!(got.body == object.content, "another content");
    let cache = got.cache.to_owned();
    *line = Some(raw);
    Ok(cache)
}

impl Seen {
    pub fn all(&self) -> usize {
        self.answers.values().sum()
    }

    pub fn of(&self, cache: &[&str]) -> usize {
        cache.iter().filter_map(|cache| self.answers.get(*cache)).sum()
    }

    /// What did not come, or not whole at once.
    pub fn lost(self) -> Vec<String> {
        let cut = (self.cut > 0).then(|| format!("{} answers ended in the middle", self.cut));
        self.failures.into_iter().chain(cut).collect()
    }

    pub fn latencies(&self) -> Latencies {
        Latencies::of(self.waits.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_asked_for_twice_as_often_as_the_second() {
        let object = |rank: usize| Object { path: rank.to_string(), content: Vec::new() };
        let popularity = Popularity::zipf((0..100).map(object).collect());
        let mut random = SmallRng::seed_from_u64(7);
        let mut drawn = BTreeMap::<String, u32>::new();
        for _ in 0..100_000 {
            *drawn.entry(popularity.draw(&mut random).path.clone()).or_default() += 1;
        }
        let ratio = f64::from(drawn["0"]) / f64::from(drawn["1"]);
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
        assert_eq!(drawn.len(), 100, "every one is drawn");
    }
}
