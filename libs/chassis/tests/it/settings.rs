use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use magnitude_chassis::{HttpSettings, Secret, ServiceSettings, TelemetrySettings, load, print};
use serde::{Deserialize, Serialize};

const DEFAULTS: &str = r#"
[http]
public = "127.0.0.1:8000"
operator = "127.0.0.1:9000"
max_body_bytes = 1048576
request_timeout_ms = 15000
header_timeout_ms = 5000
drain_timeout_ms = 10000
drain_delay_ms = 0
[telemetry]
log = "info"
format = "json"
[database]
password = ""
key = ""
[cache]
nodes = ["127.0.0.1:6379"]
ratio = 0.5
[[shards]]
name = "s1"
nodes = ["127.0.0.1:5432"]
"#;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    http: HttpSettings,
    telemetry: TelemetrySettings,
    database: Database,
    cache: Cache,
    shards: Vec<Shard>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    password: String,
    key: Secret,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cache {
    nodes: Vec<String>,
    ratio: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shard {
    name: String,
    nodes: Vec<String>,
}

impl ServiceSettings for Settings {
    fn http(&self) -> &HttpSettings {
        &self.http
    }
    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }
    fn problems(&self) -> Vec<String> {
        if self.cache.nodes.is_empty() { vec!["cache.nodes: must name a node".to_owned()] } else { Vec::new() }
    }
}

fn with(file: Option<&Path>, variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
    load(DEFAULTS, file, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// A file of this test's own, gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("chassis-{}-{count}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_file_goes_over_the_defaults_and_a_variable_over_both() {
    let file = File::new(
        "layers.toml",
        "[cache]\nnodes = [\"a:1\", \"b:2\"]\nratio = 1\n[http]\ndrain_delay_ms = 7\n[[shards]]\nname = \"x\"\nnodes = []\n",
    );

    let settings = with(Some(&file.0), &[("MAGNITUDE_CACHE__NODES", r#"["c:3"]"#), ("MAGNITUDE_DATABASE__PASSWORD", "123")]).unwrap();

    assert_eq!(settings.cache.nodes, ["c:3"]);
    assert!((settings.cache.ratio - 1.0).abs() < f64::EPSILON);
    assert_eq!(settings.http.drain_delay_ms, 7);
    assert_eq!(settings.database.password, "123", "digits stay text where the default is text");
    assert_eq!((settings.shards.len(), settings.shards[0].name.as_str()), (1, "x"));
}

#[test]
fn a_secret_is_read_from_a_file_and_never_shown() {
    let file = File::new("secret", "hunter2\n");
    let path = file.0.to_str().unwrap();

    let settings = with(None, &[("MAGNITUDE_DATABASE__PASSWORD_FILE", path), ("MAGNITUDE_DATABASE__KEY_FILE", path)]).unwrap();

    assert_eq!((settings.database.password.as_str(), settings.database.key.expose()), ("hunter2", "hunter2"));
    let shown = print(&settings).unwrap();
    assert!(shown.contains("password = \"***\"") && shown.contains("[[shards]]"), "{shown}");
    assert!(!shown.contains("hunter2") && !format!("{:?}", settings.database.key).contains("hunter2"));
}

#[test]
fn every_problem_is_named_at_once_with_its_source() {
    let text = "[http]\npublic = \"nonsense\"\nmax_body_bytes = \"many\"\nport = 1\n[telemetry]\nformat = \"xml\"\n[cach]\nx = 1\n[cache]\nnodes = []\n[[shards]]\nname = \"s1\"\nnode = 1\n";
    let file = File::new("wrong.toml", text);

    let variables = [
        ("MAGNITUDE_HTTP__OPERATOR", "here"),
        ("MAGNITUDE_HTTP__DRAIN_DELAY_MS", "soon"),
        ("MAGNITUDE_CACHE__SIZE", "1"),
        ("MAGNITUDE_DATABASE__PASSWORD_FILE", "/does/not/exist"),
        ("MAGNITUDE_TEST_STACK", "not a setting: it has no section"),
    ];
    let said = with(Some(&file.0), &variables).unwrap_err().to_string();

    let path = file.0.display().to_string();
    for (problem, source) in [
        ("http.public: ", path.as_str()),
        ("http.max_body_bytes: must be a whole number, not text", &path),
        ("http.port: there is no such setting", &path),
        ("cach: there is no such setting", &path),
        ("shards.0.node: there is no such setting", &path),
        ("http.operator: ", "MAGNITUDE_HTTP__OPERATOR"),
        ("http.drain_delay_ms: must be a whole number", "MAGNITUDE_HTTP__DRAIN_DELAY_MS"),
        ("cache.size: there is no such setting", "MAGNITUDE_CACHE__SIZE"),
        ("database.password: ", "MAGNITUDE_DATABASE__PASSWORD_FILE"),
        ("telemetry.format: must be json or text", ""),
        ("cache.nodes: must name a node", ""),
    ] {
        assert!(said.lines().any(|line| line.trim_start().starts_with(problem) && line.contains(source)), "{problem} in\n{said}");
    }
    assert!(!said.contains("TEST_STACK"));
}

#[test]
fn a_negative_number_and_a_missing_key_of_a_list_are_named() {
    let file = File::new("bounds.toml", "[http]\nrequest_timeout_ms = -1\n[[shards]]\nname = \"s1\"\n");

    let said = with(Some(&file.0), &[]).unwrap_err().to_string();

    assert!(said.contains("http.request_timeout_ms: ") && said.contains("nodes"), "{said}");
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let file = File::new("broken.toml", "[http\n");

    assert!(with(Some(&file.0), &[]).unwrap_err().to_string().contains("is not valid TOML"));
    assert!(with(Some(Path::new("/does/not/exist")), &[]).unwrap_err().to_string().contains("/does/not/exist: cannot be read"));
}

#[test]
fn a_line_that_is_no_toml_is_named_but_not_shown() {
    let file = File::new("broken.toml", "[http]\n[database]\npassword = \"hunter2\"x\n");

    let refused = with(Some(&file.0), &[]).unwrap_err().to_string();

    assert!(refused.contains("broken.toml") && refused.contains("line 3"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

#[test]
fn a_variable_for_a_whole_section_is_refused() {
    let refused = with(None, &[("MAGNITUDE_SHARDS", "[]")]).unwrap_err().to_string();

    assert!(refused.contains("MAGNITUDE_SHARDS"), "{refused}");
}
