use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use magnitude_load::client;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

/// The articles, and the last version of each that a write was answered for.
pub struct Board {
    pub articles: Vec<Article>,
    pub tokens: Vec<String>,
    pub names: Vec<String>,
    tally: Mutex<Tally>,
    writes: AtomicU64,
}

/// Its description is its version: `v17`.
pub struct Article {
    pub slug: String,
    /// Whose it is.
    pub author: usize,
    answered: AtomicU64,
    /// When each version was answered.
    times: Mutex<Vec<Instant>>,
}

/// What was counted.
#[derive(Clone, Default)]
pub struct Tally {
    pub writes: u64,
    pub reads: u64,
    pub failed: u64,
    pub stale: Vec<String>,
    /// How long a newer version of the hot article had been answered when a reader asked and got an older one.
    pub hot: Vec<Duration>,
}

impl Board {
    /// Registers the writers and publishes the articles of each.
    pub async fn prepare(url: &str, writers: usize, each: usize) -> anyhow::Result<Self> {
        let http = client::http()?;
        let (mut articles, mut tokens, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for author in 0..writers {
            let name = format!("stale{}", &Uuid::new_v4().simple().to_string()[..16]);
            let user = serde_json::json!({"user": {"username": name, "email": format!("{name}@example.com"), "password": "correct horse battery"}});
            let answer = client::post(&http, &format!("{url}/api/users"), None, &user).await?;
            let token = client::text(&answer["user"]["token"])?;
            for _ in 0..each {
                let new = serde_json::json!({"article": {"title": "A race", "description": "v0", "body": "who is first"}});
                let answer = client::post(&http, &format!("{url}/api/articles"), Some(&token), &new).await?;
                let slug = client::text(&answer["article"]["slug"])?;
                articles.push(Article { slug, author, answered: AtomicU64::new(0), times: Mutex::new(vec![Instant::now()]) });
            }
            tokens.push(token);
            names.push(name);
        }
        Ok(Self { articles, tokens, names, tally: Mutex::default(), writes: AtomicU64::new(0) })
    }

    /// The one that all want.
    pub fn hot(&self) -> &Article {
        &self.articles[0]
    }

    /// Those of an author; the hot one is the first author's first.
    pub fn of(&self, author: usize) -> Vec<&Article> {
        self.articles.iter().filter(|article| article.author == author).collect()
    }

    pub fn by_slug(&self, slug: &str) -> Option<&Article> {
        self.articles.iter().find(|article| article.slug == slug)
    }

    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub fn tally(&self) -> Tally {
        Tally { writes: self.writes(), ..self.lock().clone() }
    }

    pub fn failed(&self) {
        self.lock().failed += 1;
    }

    /// Compares what a reader saw with what had been answered before it asked.
    pub fn saw(&self, who: &str, article: &Article, seen: u64, answered: u64) {
        let mut tally = self.lock();
        tally.reads += 1;
        if seen < answered {
            tally.stale.push(format!("{who} saw v{seen} of {} after v{answered} was answered", article.slug));
        }
    }

    /// The same of the hot article, which may be a second old.
    pub fn saw_hot(&self, seen: u64, answered: u64, asked: Instant) {
        let age = if seen < answered { asked.saturating_duration_since(self.hot().answered_at(seen + 1)) } else { Duration::ZERO };
        let mut tally = self.lock();
        tally.hot.push(age);
        if age > Duration::from_secs(1) {
            tally.stale.push(format!("the crowd saw v{seen} {age:.2?} after v{} was answered", seen + 1));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().expect("no holder of this lock panics")
    }
}

impl Article {
    /// The last version whose write was answered by now.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// A write was answered now. Versions between that were never answered count from now as well.
    pub fn answer(&self, version: u64) {
        let mut times = self.times.lock().expect("no holder of this lock panics");
        let now = Instant::now();
        while times.len() <= usize::try_from(version).unwrap_or(usize::MAX) {
            times.push(now);
        }
        self.answered.fetch_max(version, Ordering::SeqCst);
    }

    fn answered_at(&self, version: u64) -> Instant {
        self.times.lock().expect("no holder of this lock panics")[usize::try_from(version).unwrap_or_default()]
    }
}

/// The version in an article's description.
pub fn version(article: &Value) -> anyhow::Result<u64> {
    let text = article["description"].as_str().context("an article has a description")?;
    text.strip_prefix('v').and_then(|number| number.parse().ok()).with_context(|| format!("{text:?} is no version"))
}
