//! Where the stack listens, as `stack up` described it.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Stack {
    /// Its nodes have addresses of this machine's container networks.
    #[serde(default)]
    pub containers: bool,
    /// The load balancer, `http://host:port`.
    pub url: String,
    /// What stands before the points of presence, if there are any.
    #[serde(default)]
    pub edge_url: Option<String>,
    #[serde(default)]
    pub edges: Vec<Instance>,
    /// What a point of presence must be sent to fetch a URL anew.
    #[serde(default)]
    pub edge_refresh: String,
    #[serde(default)]
    pub services: BTreeMap<String, Vec<Instance>>,
    #[serde(default)]
    pub postgres: Vec<Shard>,
    #[serde(default)]
    pub postgres_user: String,
    #[serde(default)]
    pub postgres_password: String,
    /// Of the people whom `load demo` makes.
    #[serde(default)]
    pub demo_password: String,
    #[serde(default)]
    pub cache: String,
    /// All nodes of it.
    #[serde(default)]
    pub caches: Vec<String>,
    #[serde(default)]
    pub sessions: String,
    #[serde(default)]
    pub redis_password: String,
    /// Operator addresses.
    #[serde(default)]
    pub checkers: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Instance {
    #[serde(default)]
    pub name: String,
    pub public: String,
    #[serde(default)]
    pub operator: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Shard {
    #[serde(default)]
    pub name: String,
    /// Which of them is the primary changes.
    pub nodes: Vec<String>,
}

impl Stack {
    /// From the file that `MAGNITUDE_TEST_STACK` names, or `.stack/test.json`.
    pub fn load() -> anyhow::Result<Self> {
        let path = std::env::var_os("MAGNITUDE_TEST_STACK").map_or_else(|| PathBuf::from(".stack/test.json"), PathBuf::from);
        Self::read(&path)
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("no stack described by {}; `make up` starts one", path.display()))?;
        let stack: Self = serde_json::from_str(&text).with_context(|| format!("{} does not describe a stack", path.display()))?;
        stack.refuse_other_machines()?;
        Ok(stack)
    }

    /// The instances of `articles`, as base URLs.
    pub fn articles(&self) -> Vec<String> {
        let instances = self.services.get("articles").map_or(&[][..], Vec::as_slice);
        instances.iter().map(|instance| format!("http://{}", instance.public)).collect()
    }

    /// Load is for this machine alone.
    fn refuse_other_machines(&self) -> anyhow::Result<()> {
        for url in self.articles().iter().chain([&self.url]) {
            let parsed = reqwest::Url::parse(url).with_context(|| format!("{url} is not an address"))?;
            let host = parsed.host_str().unwrap_or("");
            let address = host.parse::<IpAddr>();
            let loopback = host == "localhost" || address.as_ref().is_ok_and(IpAddr::is_loopback);
            let container = self.containers && matches!(address, Ok(IpAddr::V4(ip)) if ip.is_private());
            ensure!(loopback || container, "{url} is not on this machine");
        }
        Ok(())
    }
}
