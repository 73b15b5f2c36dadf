use std::{sync::Arc, time::Duration};

use magnitude_ids::Bucket;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Article, Event, Kind, Outcome, Reply,
    article::{bucket_of, version_in},
    start::Common,
};

/// Articles of one session in a long run: lists end at the offset 10 000, and all are read again at the end.
const MOST: usize = 2_000;

/// One signed-in user, with one request in flight at most.
pub(super) struct Session {
    pub common: Arc<Common>,
    pub number: usize,
    pub name: String,
    pub token: String,
    pub random: StdRng,
    pub articles: Vec<Article>,
    /// Where its articles live; known from the first slug.
    pub bucket: Option<Bucket>,
    /// Writes only its own articles.
    pub steady: bool,
}

/// What a session made, and was told of it.
#[derive(Clone, Debug)]
pub struct Author {
    pub name: String,
    pub token: String,
    pub bucket: Option<Bucket>,
    pub articles: Vec<Article>,
}

impl Session {
    /// Works until it is told to stop; the request under way is always finished.
    pub async fn run(mut self, stop: CancellationToken) -> Author {
        while !stop.is_cancelled() {
            self.step().await;
            let pause = self.common.pause.mul_f64(self.random.random_range(0.5..1.5));
            stop.run_until_cancelled(sleep(pause)).await;
        }
        self.into_author()
    }

    pub fn into_author(self) -> Author {
        Author { name: self.name, token: self.token, bucket: self.bucket, articles: self.articles }
    }

    async fn step(&mut self) {
        match self.random.random_range(0..if self.steady { 37 } else { 100 }) {
            0..12 if self.articles.len() < MOST => self.publish().await,
            0..37 => self.update().await,
            37..50 => self.favorite(Kind::Favorite).await,
            50..55 => self.favorite(Kind::Unfavorite).await,
            55..58 => self.follow(Kind::Follow).await,
            58..60 => self.follow(Kind::Unfollow).await,
            60..70 => self.read(Kind::ReadOwn).await,
            70..85 => self.read(Kind::ReadAnonymously).await,
            85..95 => self.list_own().await,
            _ => drop(self.call(Kind::ListAll, Method::GET, "/articles", None, "all").await),
        }
    }

    pub async fn publish(&mut self) {
        let mut article = Article::new(&format!("{} number {}", self.name, self.articles.len()));
        let body =
            json!({"article": {"title": article.title, "description": "load", "body": article.body(1), "tagList": [self.common.tag]}});
        let (reply, _) = self.call(Kind::Publish, Method::POST, "/articles", Some(&body), &article.title).await;
        article.published = reply.outcome;
        article.told(1, reply.outcome, self.common.history.now());
        article.slug = reply.body["article"]["slug"].as_str().map(str::to_owned);
        if let Some(slug) = &article.slug {
            self.bucket = self.bucket.or(bucket_of(slug));
            self.common.share(slug);
        }
        self.articles.push(article);
    }

    /// Sends the next version, then reads it as its author; sometimes also as nobody.
    async fn update(&mut self) {
        let Some((place, slug)) = self.own(|article| !article.doubtful) else { return self.publish().await };
        let version = self.articles[place].sent + 1;
        let body = json!({"article": {"body": self.articles[place].body(version)}});
        let (reply, _) = self.call(Kind::Update, Method::PUT, &format!("/articles/{slug}"), Some(&body), &slug).await;
        let now = self.common.history.now();
        self.articles[place].told(version, reply.outcome, now);
        self.read_at(place, &slug, Kind::ReadOwn).await;
        if self.random.random_bool(0.3) {
            self.read_at(place, &slug, Kind::ReadAnonymously).await;
        }
    }

    async fn favorite(&mut self, kind: Kind) {
        let Some(slug) = self.common.some_slug(&mut self.random) else { return };
        let method = if kind == Kind::Favorite { Method::POST } else { Method::DELETE };
        self.call(kind, method, &format!("/articles/{slug}/favorite"), None, &slug).await;
    }

    async fn follow(&mut self, kind: Kind) {
        let others: Vec<_> = self.common.names().into_iter().filter(|name| *name != self.name).collect();
        let Some(name) = others.choose(&mut self.random) else { return };
        let method = if kind == Kind::Follow { Method::POST } else { Method::DELETE };
        self.call(kind, method, &format!("/profiles/{name}/follow"), None, name).await;
    }

    async fn read(&mut self, kind: Kind) {
        if let Some((place, slug)) = self.own(|_| true) {
            self.read_at(place, &slug, kind).await;
        }
    }

    async fn read_at(&mut self, place: usize, slug: &str, kind: Kind) {
        let (reply, start) = self.call(kind, Method::GET, &format!("/articles/{slug}"), None, slug).await;
        let found = match reply.status {
            Some(200) => version_in(&reply.body),
            Some(404) => None,
            // Failed, which is counted; it says nothing about the article.
            _ => return,
        };
        let article = &mut self.articles[place];
        let wrong = if kind == Kind::ReadOwn { article.read_by_author(found, start) } else { article.read_by_other(found, start) };
        if let Some(sentence) = wrong {
            self.common.history.violated(sentence);
        }
    }

    /// The count must hold at least what was acknowledged.
    async fn list_own(&mut self) {
        let (reply, start) = self.call(Kind::ListAuthor, Method::GET, &format!("/articles?author={}", self.name), None, &self.name).await;
        let acknowledged = self.articles.iter().filter(|article| article.published == Outcome::Ok).count();
        let listed = reply.body["articlesCount"].as_u64();
        if reply.outcome == Outcome::Ok && listed < Some(acknowledged as u64) {
            let sentence = format!("{}: {listed:?} articles listed at {start:.3?}, after {acknowledged} were acknowledged", self.name);
            self.common.history.violated(sentence);
        }
    }

    /// One of the own acknowledged articles, with its slug.
    fn own(&mut self, which: impl Fn(&Article) -> bool) -> Option<(usize, String)> {
        let fitting = self.articles.iter().enumerate().filter(|(_, article)| which(article));
        let fitting: Vec<_> = fitting.filter_map(|(place, article)| Some((place, article.slug.clone()?))).collect();
        fitting.choose(&mut self.random).cloned()
    }

    /// Sends one request and notes it; also says when it began.
    async fn call(&self, kind: Kind, method: Method, path: &str, body: Option<&Value>, what: &str) -> (Reply, Duration) {
        let token = (kind != Kind::ReadAnonymously).then_some(&*self.token);
        let start = self.common.history.now();
        let reply = self.common.client.send(method, path, token, body).await;
        let bucket =
            if matches!(kind, Kind::Publish | Kind::Follow | Kind::Unfollow | Kind::ListAuthor) { self.bucket } else { bucket_of(what) };
        self.common.note(Event::new(self.number, kind, bucket, what), start, &reply);
        (reply, start)
    }
}
