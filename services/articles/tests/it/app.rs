//! The service in this process, on free ports, and a client of it.

use magnitude_articles::{App, Articles, Settings, settings::Bench};
use magnitude_cache::Cache;
use magnitude_chassis::{HttpSettings, Roles, Running, Service, TelemetrySettings};
use magnitude_contract::accounts::PROFILE;
use magnitude_ids::Id;
use magnitude_kit::{Connected, Proxy, TestCluster};
use magnitude_sharding::Shards;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub use magnitude_kit::send;

use crate::others::{Others, User};

/// An instance, and its state for what no request reaches.
pub struct TestApp {
    /// On the first shard.
    pub ann: User,
    /// On the second.
    pub bob: User,
    pub others: Others,
    /// The cache as accounts fills it.
    profiles: Cache,
    /// The service's line to the cache's Redis; `app` has one of its own.
    pub cache: Proxy,
    pub app: App,
    running: Running,
    http: reqwest::Client,
    _connected: Connected,
    // Last: its databases are dropped when nobody uses them.
    pub cluster: TestCluster,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// For a test that freezes the cache: half a second is waited for it then, and no longer.
    pub async fn whose_cache_freezes() -> Self {
        Self::with(|settings| settings.cache.timeout_ms = 500).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = TestCluster::shards(2, "articles", Articles::migrations).await;
        let (ann, bob) = (User::new("ann", 7), User::new("bob", 3000));
        let others = Others::serve(&[ann.clone(), bob.clone()]).await;
        let mut settings = settings(&cluster, others.url.clone());
        let connected = cluster.connect().await;
        let app = App::new(&settings, connected.shards.clone()).expect("the settings are right");
        let profiles = others.cache_profiles(&settings.cache, connected.shards.clone(), &[&ann, &bob]).await;
        let cache = Proxy::to(&settings.cache.nodes[0]).await.expect("a port is free");
        settings.cache.nodes = vec![cache.address()];
        change(&mut settings);
        let running = Running::start::<Articles>(settings, Roles::BOTH).await.expect("the service starts");
        Self { ann, bob, others, profiles, cache, app, running, http: reqwest::Client::new(), _connected: connected, cluster }
    }

    pub fn shards(&self) -> &Shards {
        &self.app.shards
    }

    /// Nobody's profile is known any more, and nobody tells one.
    pub async fn lose_accounts(&self) {
        self.others.accounts_goes_away();
        let voids = [&self.ann, &self.bob].map(|user| PROFILE.drop(user.id().bucket(), user.id()));
        self.profiles.void(&voids).await.expect("the cache is there");
    }

    /// A request below `/api`, to be changed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}/api{path}", self.running.public()))
    }

    pub fn signed(&self, method: Method, path: &str, user: &User) -> RequestBuilder {
        self.request(method, path).header("authorization", format!("Token {}", user.token.expose()))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        send(self.request(Method::GET, path)).await
    }

    /// Publishes as a user and returns the slug, which is the id.
    pub async fn publish(&self, author: &User, tags: &[&str]) -> String {
        let article = json!({ "article": { "title": "!", "description": "about", "body": "first", "tagList": tags } });
        let (status, body) = send(self.signed(Method::POST, "/articles", author).json(&article)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["article"]["slug"].as_str().expect("an article has a slug").to_owned()
    }

    /// How other processes reach the instance.
    pub fn internal(&self) -> magnitude_contract::Settings {
        magnitude_contract::Settings { url: format!("http://{}", self.running.operator()), timeout_ms: 5_000 }
    }

    pub async fn update(&self, author: &User, slug: &str, changes: Value) -> (StatusCode, Value) {
        send(self.signed(Method::PUT, &format!("/articles/{slug}"), author).json(&json!({ "article": changes }))).await
    }

    pub async fn delete(&self, author: &User, slug: &str) -> (StatusCode, Value) {
        send(self.signed(Method::DELETE, &format!("/articles/{slug}"), author)).await
    }

    pub fn favorite(&self, user: &User, slug: &str) -> RequestBuilder {
        self.signed(Method::POST, &format!("/articles/{slug}/favorite"), user)
    }

    /// The text of an article as anybody reads it, null if there is none.
    pub async fn body(&self, slug: &str) -> Value {
        self.get(&format!("/articles/{slug}")).await.1["article"]["body"].clone()
    }

    /// The slugs of a list, and its count.
    pub async fn list(&self, query: &str) -> (Vec<String>, u64) {
        let (status, body) = self.get(&format!("/articles?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let articles = body["articles"].as_array().expect("a list has articles").iter();
        let slugs = articles.map(|article| article["slug"].as_str().expect("an article has a slug").to_owned());
        (slugs.collect(), body["articlesCount"].as_u64().expect("a list has a count"))
    }

    /// The number that a query finds on all shards.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut sum = 0;
        for shard in 0..2 {
            let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut self.cluster.primary(shard).await).await.expect("the SQL is right");
            sum += found;
        }
        sum
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// The id in a slug.
pub fn id_of(slug: &str) -> Id {
    magnitude_articles::slug::id(slug).expect("a slug has an id")
}

fn settings(cluster: &TestCluster, internal: String) -> Settings {
    let (database, shards) = cluster.settings();
    Settings {
        // Longer than the write deadline.
        http: HttpSettings { request_timeout_ms: 60_000, ..HttpSettings::on_free_ports() },
        telemetry: TelemetrySettings { log: "warn".to_owned(), format: "text".to_owned() },
        database,
        shards,
        reshard: magnitude_sharding::reshard::Admin::default(),
        cache: cluster.cache(),
        sessions: cluster.sessions(),
        limits: magnitude_limit::Settings::UNLIMITED,
        // Nobody carries jobs here: the worker runs what is due itself.
        broker: magnitude_jobs::Settings { nodes: vec![], ..cluster.broker() },
        internal: magnitude_contract::Settings { url: internal, timeout_ms: 5_000 },
        bench: Bench { constants: false },
    }
}
