//! The service in this process, on free ports and with a folder of its own, and a client of it.

use magnitude_chassis::{HttpSettings, Roles, Running, Service, TelemetrySettings};
use magnitude_contract::media::MediaClient;
use magnitude_kit::{Folder, TestCluster, eventually, eventually_within};
use magnitude_limit::Rate;
use magnitude_media::{
    App, Media, Settings,
    settings::{Decoder, Site, Status, Uploads},
};
use magnitude_sharding::Shards;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::task::JoinHandle;

pub use magnitude_kit::send;

use crate::accounts::{self, Shown, User};

/// Of the folder, what is the object store.
pub const STORE: &str = "store";

pub struct TestApp {
    /// On the first shard, and on the second.
    pub ann: User,
    pub bob: User,
    pub shown: Shown,
    pub media: MediaClient,
    pub settings: Settings,
    pub http: reqwest::Client,
    pub folder: Folder,
    running: Running,
    accounts: JoinHandle<()>,
    // Last: its databases are dropped when nobody uses them.
    pub cluster: TestCluster,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = TestCluster::shards(2, "media", Media::migrations).await;
        let (ann, bob, shown, folder) = (User::new(7), User::new(3000), Shown::default(), Folder::new());
        shown.set(Some(&[]));
        let (url, accounts) = accounts::serve(&[ann.clone(), bob.clone()], &shown).await;
        let mut settings = settings(&cluster, url, &folder);
        change(&mut settings);
        let running = Running::start::<Media>(settings.clone(), Roles::BOTH).await.expect("the service starts");
        let internal = magnitude_contract::Settings { url: format!("http://{}", running.operator()), timeout_ms: 5_000 };
        let media = MediaClient::new(&internal).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { ann, bob, shown, media, settings, http, folder, running, accounts, cluster }
    }

    /// The service's state, for what no request reaches.
    pub fn state(&self, shards: &Shards) -> App {
        App::new(&self.settings, shards.clone()).expect("the settings are right")
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.public())
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.running.public()
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(self.url(path))
    }

    /// An upload, to be changed and sent.
    pub fn upload(&self, user: &User, image: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.http.post(self.url("/api/media")).header("authorization", token(user)).body(image)
    }

    /// Uploads and waits for what comes of it.
    pub async fn uploaded(&self, user: &User, image: impl Into<reqwest::Body>) -> Value {
        let (status, answer) = send(self.upload(user, image)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        assert_eq!(answer["media"]["status"], "processing", "{answer}");
        self.settled(answer["media"]["id"].as_str().expect("it has an id")).await
    }

    pub async fn settled(&self, id: &str) -> Value {
        let mut media = Value::Null;
        let bound = std::time::Duration::from_mins(1);
        eventually_within(bound, "the upload is decoded", async || {
            media = send(self.get(&format!("/api/media/{id}"))).await.1["media"].take();
            media["status"] != "processing"
        })
        .await;
        media
    }

    /// The content of each variant.
    pub async fn variants(&self, media: &Value) -> Vec<Vec<u8>> {
        let mut contents = vec![];
        for variant in media["variants"].as_array().expect("it has variants") {
            let response = self.get(variant["url"].as_str().expect("a path")).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{variant}");
            contents.push(response.bytes().await.unwrap().to_vec());
        }
        contents
    }

    /// Waits until nothing that was uploaded is left, but what was made of it.
    pub async fn leaves_nothing_staged(&self) {
        let staged = async || !self.files().iter().any(|file| file.starts_with("staging") || file.contains('#'));
        eventually("nothing is left", staged).await;
    }

    /// All files of the store.
    pub fn files(&self) -> Vec<String> {
        self.folder.files(STORE)
    }

    /// How many rows of uploads there are, on both shards.
    pub async fn rows(&self, sql: &'static str) -> i64 {
        let mut count = 0;
        for shard in 0..2 {
            count += sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut self.cluster.primary(shard).await).await.unwrap();
        }
        count
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

fn settings(cluster: &TestCluster, accounts: String, folder: &Folder) -> Settings {
    let (database, shards) = cluster.settings();
    Settings {
        // Longer than the write deadline.
        http: HttpSettings { max_body_bytes: 25 << 20, request_timeout_ms: 60_000, ..HttpSettings::on_free_ports() },
        telemetry: TelemetrySettings { log: "warn".to_owned(), format: "text".to_owned() },
        database,
        shards,
        reshard: magnitude_sharding::reshard::Admin::default(),
        cache: cluster.cache(),
        sessions: cluster.sessions(),
        limits: magnitude_limit::Settings::UNLIMITED,
        // Nobody carries jobs here: the worker runs what is due itself.
        broker: magnitude_jobs::Settings { nodes: vec![], at_once: 2, ..cluster.broker() },
        internal: magnitude_contract::Settings { url: accounts, timeout_ms: 5_000 },
        objects: magnitude_objects::Settings::folder(&folder.path().join(STORE)),
        uploads: Uploads { per_user: Rate::UNLIMITED },
        decoder: Decoder {
            program: env!("CARGO_BIN_EXE_media").to_owned(),
            widths: vec![96, 256, 640, 1280],
            quality: 80.0,
            most_megapixels: 50,
            longest_side: 16_000,
            memory_mib: 280,
            cpu_seconds: 10,
        },
        site: Site { api: "/api".to_owned(), edge: "http://localhost:8081".to_owned(), origin: String::new() },
        status: Status { envoy: String::new(), parts: vec![] },
    }
}
