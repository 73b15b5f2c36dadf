use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use magnitude_ids::Bucket;
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Client, Event, History, Outcome, Reply, Window, contest,
    session::{Author, Session},
};
use crate::{owners::Owners, wait};

/// Registering hashes a password: more at once would only queue.
const REGISTRATIONS: usize = 2;
/// A user's bucket is drawn at random: after so many more, a shard without authors owns next to nothing.
const MOST: usize = 32;
/// Articles that are shared for favorites.
const SHARED: usize = 200;
/// A busy machine may refuse a first article.
const FIRST: Duration = Duration::from_mins(1);

#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    /// At least so many.
    pub sessions: usize,
    /// Authors on every shard, at least.
    pub per_shard: usize,
    /// Authors on every shard who write to nothing but their own articles: what happens elsewhere does not hold them up.
    pub steady: usize,
    /// Between two requests of a session, on average.
    pub pause: Duration,
    /// Between two contests for a name.
    pub contest: Duration,
}

impl Settings {
    /// Eight sessions with eighty milliseconds of pause: what two cores carry beside the stack.
    pub fn new(seed: u64) -> Self {
        Self { seed, sessions: 8, per_shard: 3, steady: 0, pause: Duration::from_millis(80), contest: Duration::from_secs(5) }
    }
}

/// Running sessions.
pub struct Load {
    common: Arc<Common>,
    stop: CancellationToken,
    sessions: Vec<JoinHandle<Author>>,
    contest: JoinHandle<()>,
    buckets: Vec<Bucket>,
}

/// What is left when the load has stopped.
pub struct Record {
    pub history: Arc<History>,
    pub authors: Vec<Author>,
    pub client: Client,
}

/// What the sessions share.
pub(super) struct Common {
    pub client: Client,
    pub history: Arc<History>,
    pub owners: Owners,
    pub pause: Duration,
    /// The one tag of all articles of this load.
    pub tag: String,
    slugs: Mutex<Vec<String>>,
    names: Mutex<Vec<String>>,
}

impl Load {
    /// Registers users, each with a first article, until every shard has enough authors; then starts them all.
    pub async fn start(url: &str, owners: Owners, settings: &Settings) -> anyhow::Result<Self> {
        let common = Arc::new(Common {
            client: Client::new(url)?,
            history: Arc::default(),
            owners,
            pause: settings.pause,
            tag: format!("load-{}", &Uuid::new_v4().simple().to_string()[..8]),
            slugs: Mutex::default(),
            names: Mutex::default(),
        });
        let mut sessions = gather(&common, url, settings).await?;
        steady(&common, &mut sessions, settings.steady);
        let (stop, buckets) = (CancellationToken::new(), sessions.iter().filter_map(|session| session.bucket).collect());
        let contest = tokio::spawn(contest::run(common.clone(), settings.contest, stop.clone()));
        let sessions = sessions.into_iter().map(|session| tokio::spawn(session.run(stop.clone()))).collect();
        Ok(Self { common, stop, sessions, contest, buckets })
    }

    /// Everything so far; it goes on growing.
    pub fn history(&self) -> &History {
        &self.common.history
    }

    /// Lets the sessions work for a while; when that was.
    pub async fn pass(&self, time: Duration) -> Window {
        let from = self.history().now();
        sleep(time).await;
        Window { from, to: self.history().now() }
    }

    /// The buckets of the authors.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Lets every session finish its request.
    pub async fn stop(self) -> anyhow::Result<Record> {
        self.stop.cancel();
        self.contest.await.context("the contest panicked")?;
        let mut authors = Vec::new();
        for session in self.sessions {
            authors.push(session.await.context("a session panicked")?);
        }
        Ok(Record { history: self.common.history.clone(), authors, client: self.common.client.clone() })
    }
}

/// Enough sessions on every shard.
async fn gather(common: &Arc<Common>, url: &str, settings: &Settings) -> anyhow::Result<Vec<Session>> {
    let mut sessions = Vec::new();
    while sessions.len() < settings.sessions || !spread(common, &sessions, settings.per_shard) {
        let from = sessions.len();
        ensure!(from < settings.sessions + MOST, "{from} users do not give every shard {} authors", settings.per_shard);
        let next = (from..settings.sessions.max(from + REGISTRATIONS)).map(|number| begin(common, url, settings.seed, number));
        sessions.extend(stream::iter(next).buffered(REGISTRATIONS).try_collect::<Vec<_>>().await?);
    }
    Ok(sessions)
}

/// Makes the first authors of every shard steady ones.
fn steady(common: &Common, sessions: &mut [Session], each: usize) {
    for shard in 0..common.owners.shards().len() {
        let here = |session: &&mut Session| session.bucket.and_then(|bucket| common.owners.number("articles", bucket)) == Some(shard);
        for session in sessions.iter_mut().filter(here).take(each) {
            session.steady = true;
        }
    }
}

fn spread(common: &Common, sessions: &[Session], per_shard: usize) -> bool {
    let shard = |session: &Session| common.owners.number("articles", session.bucket?);
    (0..common.owners.shards().len()).all(|wanted| sessions.iter().filter(|session| shard(session) == Some(wanted)).count() >= per_shard)
}

async fn begin(common: &Arc<Common>, url: &str, seed: u64, number: usize) -> anyhow::Result<Session> {
    let name = format!("load{}", &Uuid::new_v4().simple().to_string()[..16]);
    let body = json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": "correct horse battery"}});
    let answer = magnitude_load::client::post(&magnitude_load::client::http()?, &format!("{url}/api/users"), None, &body).await?;
    let token = magnitude_load::client::text(&answer["user"]["token"])?;
    let random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
    let mut session =
        Session { common: common.clone(), number, name: name.clone(), token, random, articles: Vec::new(), bucket: None, steady: false };
    wait::until(&format!("{name} publishes a first article"), FIRST, wait::STEP, async || {
        session.publish().await;
        Ok(session.bucket)
    })
    .await?;
    lock(&common.names).push(name);
    Ok(session)
}

impl Common {
    /// Completes an event that ends now and keeps it.
    pub fn note(&self, event: Event, start: Duration, reply: &Reply) {
        if reply.outcome != Outcome::Ok && reply.status != Some(409) {
            eprintln!("{:?} of {}: {:?}: {}", event.kind, event.what, reply.outcome, reply.why);
        }
        let shard = event.bucket.and_then(|bucket| self.owners.name(event.kind.service(), bucket)).map(str::to_owned);
        self.history.add(Event {
            start,
            took: self.history.now().saturating_sub(start),
            shard,
            outcome: reply.outcome,
            status: reply.status,
            unexpected: reply.unexpected,
            why: reply.why.clone(),
            ..event
        });
    }

    /// Offers an article to the others.
    pub fn share(&self, slug: &str) {
        let mut slugs = lock(&self.slugs);
        if slugs.len() < SHARED {
            slugs.push(slug.to_owned());
        }
    }

    pub fn some_slug(&self, random: &mut StdRng) -> Option<String> {
        lock(&self.slugs).choose(random).cloned()
    }

    pub fn names(&self) -> Vec<String> {
        lock(&self.names).clone()
    }
}

/// Held for a push or a copy, never across an await.
fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
