//! The test's own stack, and ways to look at it from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use magnitude_stack::{Extent, Health, Options, Stack};
use serde_json::Value;

/// Deletes all of the stack at the end, also of a test that failed.
pub struct Own {
    pub stack: Stack,
    pub folder: PathBuf,
}

impl Own {
    pub fn up() -> Self {
        let clone = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package lies two folders deep");
        let folder = clone.join(format!(".stack-it-{}", std::process::id()));
        let options = Options { port: Some(0), edge_port: Some(0), ..Options::default() };
        // The folder is there from here on.
        let own = Self { stack: Stack::create(&folder, &options).expect("a stack is created"), folder };
        own.start_all();
        own
    }

    pub fn start_all(&self) {
        self.stack.up(Extent::Infrastructure, &|step| println!("{step}")).expect("the stack comes up");
    }

    /// The same stack with these options, brought up.
    pub fn change(&mut self, options: &Options) {
        self.stack = Stack::create(&self.folder, options).expect("the stack is changed");
        self.start_all();
    }

    /// The pid of every node.
    pub fn pids(&self) -> BTreeMap<String, u64> {
        self.stack.nodes().into_iter().map(|node| (node.name.clone(), self.pid(&node.name))).collect()
    }

    pub fn pid(&self, node: &str) -> u64 {
        let text = fs::read(self.folder.join(format!("run/{node}.pid"))).unwrap_or_default();
        serde_json::from_slice::<Value>(&text).map_or(0, |record| record["pid"].as_u64().unwrap_or(0))
    }

    pub fn description(&self) -> Value {
        let text = fs::read(self.folder.join("test.json")).expect("the stack is described");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    /// `host:port` of the load balancer.
    pub fn gateway(&self) -> String {
        self.stack.url().replace("http://localhost", "127.0.0.1")
    }

    /// The name of the node that takes a shard's writes.
    pub fn leader(&self, shard: &str) -> String {
        self.stack.leader(shard).expect("somebody leads").name
    }

    /// Waits until a node is well again by itself.
    pub fn wait_ready(&self, node: &str) {
        let node = self.stack.node(node).expect("there is such a node");
        eventually("the node is ready", || self.stack.health(&node) == Health::Ready);
    }

    /// What a Postgres node answers.
    pub fn sql(&self, node: &str, sql: &str) -> String {
        let versions = fs::read_dir("/usr/lib/postgresql").expect("Postgres is installed").flatten();
        let psql = versions.map(|version| version.path().join("bin/psql")).find(|psql| psql.exists()).expect("psql is installed");
        let host = self.stack.node(node).expect("there is such a node").address.ip().to_string();
        let mut command = Command::new(psql);
        command.env("PGPASSWORD", self.description()["postgres_password"].as_str().expect("a password"));
        command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h", &host, "-c", sql]);
        let output = command.output().expect("psql runs");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Every process that works in this stack's folder.
    pub fn processes(&self) -> Vec<String> {
        let all = fs::read_dir("/proc").expect("there is /proc").flatten().map(|entry| entry.path());
        let ours = |process: &PathBuf| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.folder.join("data")));
        all.filter(ours).map(|process| process.display().to_string()).collect()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The logs say why; they stay until somebody deletes the folder.
            eprintln!("the logs are in {}", self.folder.display());
            let _ = magnitude_stack::down(&self.folder);
            return;
        }
        let _ = magnitude_stack::clean(&self.folder);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until `state` holds, at most a minute.
pub fn eventually(what: &str, state: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !state() {
        assert!(Instant::now() < limit, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// One HTTP request, and the whole answer.
pub fn http(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("is set");
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").expect("is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    // Envoy ends its own answers with a line feed.
    answer.trim_end().to_owned()
}
