use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    routing::{get, post},
};
use magnitude_chassis::{
    ApiError, Body, Fields, HttpSettings, Json, Page, Path, Roles, Routers, Running, Service, ServiceSettings, Tasks, TelemetrySettings,
    load,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub const DEFAULTS: &str = r#"
[http]
public = "127.0.0.1:0"
operator = "127.0.0.1:0"
max_body_bytes = 1000
request_timeout_ms = 10000
header_timeout_ms = 10000
drain_timeout_ms = 5000
drain_delay_ms = 0
[telemetry]
log = "info"
format = "json"
[tiny]
task = "lives"
"#;

pub struct Tiny;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    http: HttpSettings,
    telemetry: TelemetrySettings,
    tiny: TinySettings,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TinySettings {
    /// What its background task does: lives, returns or panics.
    task: String,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }
    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }
}

impl Service for Tiny {
    const NAME: &'static str = "tiny";
    const DEFAULTS: &'static str = DEFAULTS;
    type Settings = Settings;

    async fn start(settings: Settings, _: Roles, tasks: Tasks) -> anyhow::Result<Routers> {
        let stop = tasks.stop();
        match settings.tiny.task.as_str() {
            "fails" => anyhow::bail!("the start failed"),
            "returns" => tasks.spawn("tiny", async {}),
            "panics" => tasks.spawn("tiny", async { panic!("on purpose") }),
            _ => tasks.spawn("tiny", async move { stop.cancelled().await }),
        }
        let internal = Router::new().route("/internal/tiny/bug", get(bug)).route("/internal/tiny/slow", get(slow));
        Ok(Routers { public: public(), internal })
    }
}

fn public() -> Router {
    Router::new()
        .route("/api/things/{name}", get(thing))
        .route("/api/things", post(create).get(list))
        .route("/api/bug", get(bug).post(bug))
        .route("/api/slow", get(slow).post(slow))
        .route("/api/broken", get(broken))
        .route("/api/plain", get(async || axum::Json(1)))
        .route("/api/gate", get(gate).post(gate))
}

async fn thing(Path(name): Path<String>) -> Json<String> {
    Json(name)
}

async fn list(page: Result<Page, ApiError>) -> Result<Json<u32>, ApiError> {
    Ok(Json(page?.limit))
}

async fn create(body: Result<Body, ApiError>) -> Result<Json<String>, ApiError> {
    let body = body?;
    let mut fields = Fields::new();
    let name = body.envelope("thing")?.text(&mut fields, "name", 10);
    fields.finish()?;
    Ok(Json(name.unwrap_or_default().to_owned()))
}

async fn bug() -> Json<()> {
    panic!("on purpose")
}

async fn slow() -> Json<()> {
    std::future::pending().await
}

async fn broken() -> Result<Json<()>, ApiError> {
    Err(ApiError::unavailable(anyhow::anyhow!("secret cause")))
}

/// A handler that waits until the test lets it go on.
pub struct Gate {
    pub entered: Semaphore,
    pub open: Semaphore,
    pub passed: AtomicUsize,
}

/// One a service, found by a header, so that tests do not meet.
pub fn gate_of(name: &str) -> Arc<Gate> {
    static GATES: OnceLock<std::sync::Mutex<std::collections::HashMap<String, Arc<Gate>>>> = OnceLock::new();
    let mut gates = GATES.get_or_init(Default::default).lock().unwrap();
    let new = || Arc::new(Gate { entered: Semaphore::new(0), open: Semaphore::new(0), passed: AtomicUsize::new(0) });
    gates.entry(name.to_owned()).or_insert_with(new).clone()
}

async fn gate(headers: axum::http::HeaderMap) -> Json<&'static str> {
    let gate = gate_of(headers["x-gate"].to_str().unwrap());
    gate.entered.add_permits(1);
    gate.open.acquire().await.unwrap().forget();
    gate.passed.fetch_add(1, Ordering::SeqCst);
    Json("passed")
}

/// With a short time for each request, for what takes longer than that.
pub const HASTY: (&str, &str) = ("HTTP__REQUEST_TIMEOUT_MS", "500");

pub async fn start(overrides: &[(&str, &str)]) -> Running {
    Running::start::<Tiny>(settings(overrides), Roles::WEB).await.unwrap()
}

pub fn settings(overrides: &[(&str, &str)]) -> Settings {
    let environment = overrides.iter().map(|(name, value)| (format!("MAGNITUDE_{name}"), (*value).to_owned()));
    load(DEFAULTS, None, environment).unwrap()
}

/// Everything that a test waits for happens long before this.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it did not happen in time")
}
