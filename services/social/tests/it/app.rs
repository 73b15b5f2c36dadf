//! The service in this process, on free ports, and a client of it.

use magnitude_chassis::{HttpSettings, Roles, Running, Service, TelemetrySettings};
use magnitude_contract::social::SocialClient;
use magnitude_kit::TestCluster;
use magnitude_sharding::Shards;
use magnitude_social::{App, Settings, Social};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;

pub use magnitude_kit::send;

use crate::accounts::{self, User};

pub struct TestApp {
    pub ann: User,
    pub bob: User,
    pub carol: User,
    pub social: SocialClient,
    settings: Settings,
    running: Running,
    http: reqwest::Client,
    accounts: JoinHandle<()>,
    // Last: its databases are dropped when nobody uses them.
    pub cluster: TestCluster,
}

impl TestApp {
    /// Ann and Carol live on the first shard, Bob on the second.
    pub async fn new() -> Self {
        let cluster = TestCluster::shards(2, "social", Social::migrations).await;
        let (ann, bob, carol) = (User::new("ann", 7), User::new("bob", 3000), User::new("carol", 40));
        let (url, accounts) = accounts::serve(&[ann.clone(), bob.clone(), carol.clone()]).await;
        let settings = settings(&cluster, url);
        let running = Running::start::<Social>(settings.clone(), Roles::BOTH).await.expect("the service starts");
        let social = magnitude_contract::Settings { url: format!("http://{}", running.operator()), timeout_ms: 5_000 };
        Self {
            ann,
            bob,
            carol,
            social: SocialClient::new(&social).unwrap(),
            settings,
            running,
            http: reqwest::Client::new(),
            accounts,
            cluster,
        }
    }

    /// The service's state, for what no request reaches.
    pub fn state(&self, shards: &Shards) -> App {
        App::new(&self.settings, shards.clone()).expect("the settings are right")
    }

    /// A request about whom to follow, to be changed and sent.
    pub fn request(&self, method: Method, username: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}/api/profiles/{username}/follow", self.running.public()))
    }

    pub async fn follow(&self, follower: &User, username: &str) -> (StatusCode, Value) {
        send(self.request(Method::POST, username).header("authorization", token(follower))).await
    }

    pub async fn unfollow(&self, follower: &User, username: &str) -> (StatusCode, Value) {
        send(self.request(Method::DELETE, username).header("authorization", token(follower))).await
    }

    /// A request of a user below `/api/notifications`, to be changed and sent.
    pub fn notifications(&self, method: Method, path: &str, user: &User) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/notifications{path}", self.running.public());
        self.http.request(method, url).header("authorization", token(user))
    }

    /// Active and version of Ann following Bob: in the truth, and in its mirror.
    pub async fn rows(&self) -> [Option<(bool, i64)>; 2] {
        let mut first = self.cluster.primary(0).await;
        let mut second = self.cluster.primary(1).await;
        [
            sqlx::query_as("select active, version from follows").fetch_optional(&mut first).await.unwrap(),
            sqlx::query_as("select active, version from followers").fetch_optional(&mut second).await.unwrap(),
        ]
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.running.abort();
        self.accounts.abort();
    }
}

pub fn token(user: &User) -> String {
    format!("Token {}", user.token.expose())
}

fn settings(cluster: &TestCluster, accounts: String) -> Settings {
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
        internal: magnitude_contract::Settings { url: accounts, timeout_ms: 5_000 },
    }
}
