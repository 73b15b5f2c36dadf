//! skeleton
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use std::{borrow::Cow, future::Future, net::SocketAddr, process::ExitCode};
use axum::{Router, http::StatusCode, response::{IntoResponse, Response}};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings { pub public: SocketAddr, pub operator: SocketAddr, pub max_body_bytes: usize, pub request_timeout_ms: u64, pub header_timeout_ms: u64, pub drain_timeout_ms: u64, pub drain_delay_ms: u64 }
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings { pub log: String, pub format: String /* json | text */ }

/// A service's settings: one struct with `#[serde(deny_unknown_fields)]`.
pub trait ServiceSettings: DeserializeOwned + Serialize + Send + Sync + 'static {
    fn http(&self) -> &HttpSettings;
    fn telemetry(&self) -> &TelemetrySettings;
    /// Every setting whose value cannot be, as `section.key: sentence`.
    fn problems(&self) -> Vec<String> { Vec::new() }
}

/// A secret that does not print: serializes as "***", reads from text.
#[derive(Clone, Default)]
pub struct Secret(/* String */);

/// Background work that ends with the process: a task that dies ends it with an error.
#[derive(Clone)]
pub struct Tasks {}
impl Tasks {
    pub fn stop(&self) -> CancellationToken { todo!() }
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) { todo!() }
}

/// The routers of a running service. `public` is served on `http.public`; `internal` (routes under `/internal`) on `http.operator`,
/// beside /health/live, /health/ready, /metrics.
pub struct Routers { pub public: Router, pub internal: Router }

pub trait Service: Send + Sync + 'static {
    const NAME: &'static str;
    /// settings.toml: a default for every key, commented.
    const DEFAULTS: &'static str;
    type Settings: ServiceSettings;
    /// Connects and returns its routers; the process is ready once this returned.
    fn start(settings: Self::Settings, tasks: Tasks) -> impl Future<Output = anyhow::Result<Routers>> + Send;
    fn migrate(settings: Self::Settings) -> impl Future<Output = anyhow::Result<()>> + Send;
}
/// `<service> serve|migrate|settings|healthcheck [--settings FILE]`.
pub fn run<S: Service>(service: S) -> ExitCode { todo!() }

/// An answer that is not a success, in the API's shape `{"errors": {field: [messages]}}`. Its cause is logged once by a layer and never shown.
#[derive(Debug)]
pub struct ApiError { /* status, errors: ordered map, retry_after, cause: Option<anyhow::Error> */ }
impl ApiError {
    pub fn new(status: StatusCode, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self { todo!() }
    pub fn not_found(what: &'static str) -> Self { todo!() }      // 404 {what: ["not found"]}
    pub fn forbidden(what: &'static str) -> Self { todo!() }      // 403 {what: ["forbidden"]}
    pub fn taken(field: &'static str) -> Self { todo!() }         // 409 {field: ["has already been taken"]}
    pub fn unavailable(cause: impl Into<anyhow::Error>) -> Self { todo!() } // 503 {"server": [..]}, Retry-After: 1
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self { todo!() }    // 500 {"server": ["internal error"]}
    pub fn outcome_unknown(cause: impl Into<anyhow::Error>) -> Self { todo!() } // 504 {"server": ["outcome unknown"]}
    pub fn status(&self) -> StatusCode { todo!() }
    /// Adds another field's message (same status).
    pub fn and(self, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self { todo!() }
}
impl IntoResponse for ApiError { fn into_response(self) -> Response { todo!() } }
/// Unavailable/BucketUnavailable: 503; Unknown: 504; InProgress: 409 {"idempotencyKey": ["is in use by another request"]}; KeyReused: 422; connection and pool errors: 503; others: 500.
impl From<magnitude_sharding::Error> for ApiError { fn from(e: magnitude_sharding::Error) -> Self { todo!() } }

/// Collects every bad field of a body, then fails once with 422.
#[derive(Default)]
pub struct Fields { }
impl Fields {
    pub fn new() -> Self { todo!() }
    pub fn problem(&mut self, field: &'static str, message: impl Into<Cow<'static, str>>) { todo!() }
    /// Err(422) if any problem was noted.
    pub fn finish(self) -> Result<(), ApiError> { todo!() }
}

/// The body as JSON in an envelope, read leniently so that every bad field is reported at once:
/// `Body` keeps the raw bytes (for the idempotency fingerprint) and the parsed `serde_json::Value`.
/// Not JSON, or not UTF-8, or envelope missing: 422 `{"errors":{"body":["is not valid JSON"]}}` / {"<envelope>":["can't be blank"]}; too large: 413.
pub struct Body { pub bytes: bytes::Bytes, pub value: serde_json::Value }
impl Body {
    /// The object under `name`, e.g. "user". 422 naming it when it is absent or no object.
    pub fn envelope(&self, name: &'static str) -> Result<Object<'_>, ApiError> { todo!() }
}
/// One JSON object whose fields are taken one by one; problems go to `Fields`.
pub struct Object<'a> { pub map: &'a serde_json::Map<String, serde_json::Value> }
/// A field of a partial update: absent, null or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch<T> { Absent, Null, Value(T) }
impl<'a> Object<'a> {
    /// Required text: absent, null, empty or only white space is "can't be blank"; a wrong type "must be a string"; NUL "must not contain NUL characters"; over `max` characters "is too long (maximum is N characters)".
    pub fn text(&self, fields: &mut Fields, name: &'static str, max: usize) -> Option<&'a str> { todo!() }
    /// Text of a partial update under the same rules for a value; null and "" are left to the caller.
    pub fn patch_text(&self, fields: &mut Fields, name: &'static str, max: usize) -> Patch<&'a str> { todo!() }
    /// A list of texts.
    pub fn patch_texts(&self, fields: &mut Fields, name: &'static str, max_items: usize, max: usize) -> Patch<Vec<&'a str>> { todo!() }
}

/// `limit` (default 20, more than 100 is 100, past 64 bits too) and `offset` (default 0, over 10 000 is 422) of the query string; negative or not a number: 422.
#[derive(Clone, Copy, Debug)]
pub struct Page { pub limit: u32, pub offset: u32 }
// impl FromRequestParts for Page
/// Query parameters as text, first of each name wins; invalid percent-encoding or UTF-8 or NUL: 422 with its name.
pub struct Params(/* map */);
impl Params { pub fn get(&self, name: &str) -> Option<&str> { todo!() } }

/// `Idempotency-Key` (at most 128 visible characters, else 422) with the route (method and path) it was sent to.
#[derive(Clone, Debug)]
pub struct Idempotency { pub key: Option<String>, pub route: String }
impl Idempotency {
    /// The write id: from the key if there is one, random otherwise.
    pub fn write_id(&self, owner: &str, body: &[u8]) -> magnitude_sharding::WriteId { todo!() }
}
/// A stored first answer as a response.
pub fn answer(answer: magnitude_sharding::Answer) -> Response { todo!() }
/// JSON with `application/json; charset=utf-8`.
pub struct Json<T>(pub T);
/// RFC 3339 UTC with exactly three decimals, for `#[serde(serialize_with = "magnitude_chassis::millis")]`. (contract has the bodies: it uses its own type, see there)
pub fn rfc3339_millis(at: chrono::DateTime<chrono::Utc>) -> String { todo!() }
