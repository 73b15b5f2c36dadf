//! The service in this process, on free ports, a client of it, and the rows behind it.

use std::ops::Deref;

use magnitude_accounts::{
    Accounts, App, Settings,
    settings::{Passwords, SessionLife, SignIn},
};
use magnitude_chassis::{HttpSettings, Roles, Running, Service, TelemetrySettings};
use magnitude_contract::{
    accounts::AccountsClient,
    media::{TAKE, Taken},
};
use magnitude_kit::{Connected, TestCluster, eventually};
use magnitude_limit::Rate;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub use magnitude_kit::send;

pub const PASSWORD: &str = "correct horse";

/// A quick hash: these tests are not about its strength.
const QUICK: Passwords = Passwords { memory_kib: 8, passes: 1, lanes: 1, at_once: 2, queue: 1_000 };

/// One instance of the service, and a client of it.
pub struct Instance {
    running: Running,
    http: reqwest::Client,
}

/// An instance, and its state for what no request reaches.
pub struct TestApp {
    pub instance: Instance,
    pub app: App,
    pub settings: Settings,
    _connected: Connected,
    // Last: its databases are dropped when nobody uses them.
    pub cluster: TestCluster,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::start(None).await
    }

    /// With a stand-in for media, which answers that an image is this when a user takes it.
    pub async fn with_media(taken: Taken) -> Self {
        let router = axum::Router::new().route(TAKE, axum::routing::post(async move || axum::Json(taken)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self::start(Some(url)).await
    }

    async fn start(others: Option<String>) -> Self {
        let cluster = TestCluster::shards(2, "accounts", Accounts::migrations).await;
        let mut settings = settings(&cluster);
        if let Some(url) = others {
            settings.internal.url = url;
        }
        let connected = cluster.connect().await;
        let app = App::new(&settings, connected.shards.clone()).expect("the settings are right");
        Self { instance: Instance::start(settings.clone()).await, app, settings, _connected: connected, cluster }
    }

    /// Another instance, whose Redis knows of no session.
    pub async fn that_lost_sessions(&self) -> Instance {
        let mut settings = self.settings.clone();
        settings.sessions.prefix.push_str("lost:");
        Instance::start(settings).await
    }

    /// The rows that a query finds on all shards.
    pub async fn rows<T>(&self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut rows = Vec::new();
        for shard in 0..2 {
            rows.extend(sqlx::query_as(sql).fetch_all(&mut self.cluster.primary(shard).await).await.expect("the test's SQL is right"));
        }
        rows
    }

    /// Changes rows on all shards, past the service.
    pub async fn execute(&self, sql: &'static str) {
        for shard in 0..2 {
            sqlx::query(sql).execute(&mut self.cluster.primary(shard).await).await.expect("the test's SQL is right");
        }
    }

    /// Kind, name and whether it is confirmed, of all names in order.
    pub async fn names(&self) -> Vec<(String, String, bool)> {
        let mut names = self.rows("select kind, name, confirmed from names").await;
        names.sort();
        names
    }

    /// Every name is that of a user's row and confirmed, every user has both, and nothing is left to do.
    pub async fn assert_settled(&self, users: usize) {
        eventually("no job is left", async || self.rows::<(String,)>("select kind from jobs.jobs").await.is_empty()).await;
        let mut names: Vec<(String, String, i64, bool)> = self.rows("select kind, name, user_id, confirmed from names").await;
        let rows =
            self.rows("select kind, name, id, true from users, lateral (values ('username', username), ('email', email)) n (kind, name)");
        let mut expected = rows.await;
        names.sort();
        expected.sort();
        assert_eq!(names, expected, "the names are not those of the users");
        assert_eq!(names.len(), 2 * users);
    }

    /// Makes every reservation of a name older than it may get.
    pub async fn expire_reservations(&self) {
        self.execute(
            "update names set expires_at = clock_timestamp() - interval '1 second' where not confirmed and sharding.guard(bucket)",
        )
        .await;
    }
}

impl Deref for TestApp {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Instance {
    pub async fn start(settings: Settings) -> Self {
        Self { running: Running::start::<Accounts>(settings, Roles::BOTH).await.expect("the service starts"), http: reqwest::Client::new() }
    }

    /// A request below `/api`, to be changed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}/api{path}", self.running.public()))
    }

    pub fn registration(&self, username: &str, email: &str) -> RequestBuilder {
        self.request(Method::POST, "/users").json(&json!({ "user": { "username": username, "email": email, "password": PASSWORD } }))
    }

    pub async fn register(&self, username: &str, email: &str) -> (StatusCode, Value) {
        send(self.registration(username, email)).await
    }

    /// Registers `name` with the email `<name>@example.org`; returns the token.
    pub async fn join(&self, name: &str) -> String {
        let (status, body) = self.register(name, &email(name)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        token_of(&body)
    }

    pub async fn login(&self, email: &str, password: &str) -> (StatusCode, Value) {
        send(self.request(Method::POST, "/users/login").json(&json!({ "user": { "email": email, "password": password } }))).await
    }

    pub async fn update(&self, token: &str, changes: Value) -> (StatusCode, Value) {
        send(signed(self.request(Method::PUT, "/user"), token).json(&json!({ "user": changes }))).await
    }

    pub async fn user(&self, token: &str) -> (StatusCode, Value) {
        send(signed(self.request(Method::GET, "/user"), token)).await
    }

    pub async fn profile(&self, username: &str) -> (StatusCode, Value) {
        send(self.request(Method::GET, &format!("/profiles/{username}"))).await
    }

    /// What other services ask.
    pub fn internal(&self) -> AccountsClient {
        let settings = magnitude_contract::Settings { url: format!("http://{}", self.running.operator()), timeout_ms: 5_000 };
        AccountsClient::new(&settings).expect("the settings are right")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.running.abort();
    }
}

pub fn email(name: &str) -> String {
    format!("{name}@example.org")
}

pub fn signed(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.header("authorization", format!("Token {token}"))
}

pub fn token_of(body: &Value) -> String {
    body["user"]["token"].as_str().expect("the answer has a token").to_owned()
}

fn settings(cluster: &TestCluster) -> Settings {
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
        // Nobody is there: who follows whom is not asked here.
        internal: magnitude_contract::Settings { url: "http://127.0.0.1:9".to_owned(), timeout_ms: 1_000 },
        passwords: QUICK,
        session_life: SessionLife { idle_s: 10_000, absolute_s: 100_000 },
        sign_in: SignIn { per_account: Rate::UNLIMITED, per_address: Rate::UNLIMITED },
    }
}
