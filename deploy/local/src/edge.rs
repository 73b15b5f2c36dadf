//! The edge: nginx as points of presence in front of Envoy, each with a cache of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::files;
use crate::life::find_program;
use crate::program::Program;
use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// What they are called together.
pub const EDGE: &str = "edge";
/// The secret that lets one URL be fetched anew.
pub const REFRESH: &str = "edge-refresh";

/// Where Debian's packages put what nginx loads.
pub(crate) const MODULES: &str = "/usr/lib/nginx/modules";
/// Also here: an ordinary user of every Debian, who owns nothing.
const USER: &str = "www-data";

/// One point of presence, as the files of `deploy/edge` are filled for it.
#[derive(Debug, Clone)]
pub struct PointOfPresence {
    /// Its caches, its configuration and its temporary files.
    pub data: PathBuf,
    pub log: PathBuf,
    pub listen: SocketAddr,
    /// Where it answers questions about its health.
    pub operator: SocketAddr,
    /// Whose word about a client's address counts.
    pub front: IpAddr,
    pub origin: SocketAddr,
    pub secret: String,
    pub limits: Limits,
}

/// Sizes and times, as nginx writes them.
#[derive(Debug, Clone)]
pub struct Limits {
    pub objects_size: String,
    /// What nobody asks for leaves after this.
    pub objects_inactive: String,
    pub pages_size: String,
}

impl Default for Limits {
    fn default() -> Self {
        Self { objects_size: "512m".into(), objects_inactive: "7d".into(), pages_size: "16m".into() }
    }
}

impl PointOfPresence {
    /// Writes its files; what to start. `deploy` is the folder of that name.
    pub fn prepare(&self, deploy: &Path) -> Result<Program> {
        ensure!(installed(), "nginx lacks its Lua module in {MODULES}: run deploy/local/install.sh");
        let path = find_program("nginx").context("nginx is missing: run deploy/local/install.sh")?;
        let user = user();
        let own = |path: &Path| files::give(path, user);
        fs::create_dir_all(self.data.join("temp")).with_context(|| format!("cannot create {}", self.data.display()))?;
        own(&self.data).and_then(|()| own(&self.data.join("temp")))?;
        let template = |name: &str| fs::read_to_string(deploy.join(EDGE).join(name)).with_context(|| format!("cannot read {name}"));
        let age = template("age.lua")?;
        let config = crate::template::render(&template("nginx.conf")?, &self.values().each_ref().map(|(name, value)| (*name, &**value)))?;
        let refresh = crate::template::render(&template("refresh.conf")?, &[("secret", &self.secret)])?;
        for (name, content) in [("nginx.conf", &config), ("age.lua", &age), ("refresh.conf", &refresh)] {
            let file = self.data.join(name);
            files::write(&file, content.as_bytes(), 0o600)?;
            own(&file)?;
        }
        // It opens its own output once more.
        fs::File::options().create(true).append(true).open(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        own(&self.log)?;
        let args = ["-e".into(), "stderr".into(), "-c".into(), self.data.join("nginx.conf").display().to_string()];
        Ok(Program {
            path,
            args: args.into(),
            config: config + &age,
            cwd: self.data.clone(),
            log: self.log.clone(),
            user: user.map(str::to_owned),
            ..Program::default()
        })
    }

    fn values(&self) -> [(&'static str, String); 12] {
        let file = |name: &str| self.data.join(name).display().to_string();
        [
            ("modules", MODULES.into()),
            ("workers", "1".into()),
            ("data", self.data.display().to_string()),
            ("listen", self.listen.to_string()),
            ("operator", self.operator.to_string()),
            ("front", self.front.to_string()),
            ("origin", self.origin.to_string()),
            ("age", file("age.lua")),
            ("refresh", file("refresh.conf")),
            ("objects_size", self.limits.objects_size.clone()),
            ("objects_inactive", self.limits.objects_inactive.clone()),
            ("pages_size", self.limits.pages_size.clone()),
        ]
    }
}

/// Whether nginx has what it loads here.
pub fn installed() -> bool {
    Path::new(MODULES).join("ngx_http_lua_module.so").exists()
}

/// Who runs it: nobody special; root gives up its rights.
fn user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some(USER)
}

/// The same with the number; None where that is who runs the stack.
pub fn edge_user() -> Option<(&'static str, u32)> {
    user().and_then(|user| Some((user, files::account(user)?.0)))
}

impl Stack {
    pub(crate) fn edge_program(&self, node: &Node) -> Result<Program> {
        let point = PointOfPresence {
            data: self.data(&node.name),
            log: self.log_file(&node.name),
            listen: node.address,
            operator: node.operator(),
            front: self.node("envoy")?.address.ip(),
            origin: self.state.edge_origin.unwrap_or_else(|| self.origin()),
            secret: self.secret(REFRESH)?,
            limits: Limits::default(),
        };
        point.prepare(&self.project.join("deploy"))
    }

    /// What the points of presence ask: Envoy's listener for them.
    pub fn origin(&self) -> SocketAddr {
        SocketAddr::new(self.state.block.address(self.topology.envoy.host).into(), 8000)
    }

    pub fn edge_url(&self) -> Option<String> {
        self.state.edge_port.filter(|_| self.topology.edge.is_some()).map(|port| format!("http://localhost:{}", port.number))
    }

    /// Lets the points of presence ask somebody else, such as a listener that counts, until this is called with None or the stack is
    /// healed. Each starts anew, and keeps its cache.
    pub fn redirect_edge(&mut self, origin: Option<SocketAddr>) -> Result<()> {
        let _lock = self.change()?;
        self.set_edge_origin(origin)
    }

    pub(crate) fn set_edge_origin(&mut self, origin: Option<SocketAddr>) -> Result<()> {
        self.state.edge_origin = origin;
        self.save_state()?;
        self.group(Kind::Edge, EDGE).iter().try_for_each(|node| self.restart(&node.name))
    }
}
