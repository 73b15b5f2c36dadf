use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use magnitude_stack::{EdgeLimits, PointOfPresence, Record};

use crate::ask;

/// What has the URL that it is sent with fetched anew. As long as a real one.
pub const SECRET: &str = "5ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e75ec4e7";
const READY: Duration = Duration::from_mins(1);
/// Each has a folder of its own.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A point of presence of a test's own: a real nginx, started as an ordinary user. It ends, and its files go, with this value.
pub struct Point {
    pub address: SocketAddr,
    folder: PathBuf,
    running: Record,
}

impl Point {
    pub async fn before(origin: SocketAddr) -> anyhow::Result<Self> {
        Self::with(origin, EdgeLimits::default()).await
    }

    pub async fn with(origin: SocketAddr, limits: EdgeLimits) -> anyhow::Result<Self> {
        // A port may be taken between the look and the start: then others.
        for _ in 0..20 {
            let (point, operator) = Self::start(origin, limits.clone())?;
            if point.ready(operator).await? {
                return Ok(point);
            }
        }
        bail!("of twenty pairs of free ports none stays free");
    }

    /// One that is not ready yet, and where its operator asks.
    fn start(origin: SocketAddr, limits: EdgeLimits) -> anyhow::Result<(Self, SocketAddr)> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("magnitude-edge-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (address, operator) = free()?;
        let settings = PointOfPresence {
            data: folder.join("data"),
            log: folder.join("log"),
            listen: address,
            operator,
            front: operator.ip(),
            origin,
            secret: SECRET.into(),
            limits,
        };
        let running = settings.prepare(&deploy())?.spawn()?;
        Ok((Self { address, folder, running }, operator))
    }

    /// Bytes of the objects that it keeps.
    pub fn kept(&self) -> u64 {
        size(&self.folder.join("data/objects"))
    }

    /// How many pages it keeps.
    pub fn pages(&self) -> usize {
        files(&self.folder.join("data/pages"))
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The user who runs it.
    pub fn user(&self) -> anyhow::Result<u32> {
        use std::os::unix::fs::MetadataExt;
        Ok(fs::metadata(format!("/proc/{}", self.running.pid))?.uid())
    }

    /// Permissions of the file that the secret is in.
    pub fn secret_mode(&self) -> anyhow::Result<u32> {
        use std::os::unix::fs::PermissionsExt;
        Ok(fs::metadata(self.folder.join("data/refresh.conf"))?.permissions().mode() & 0o777)
    }

    /// Waits until it answers; no if it found one of its ports taken.
    async fn ready(&self, operator: SocketAddr) -> anyhow::Result<bool> {
        let limit = Instant::now() + READY;
        while !self.listens() || !ask(operator, "GET", "/health/ready", &[]).await.is_ok_and(|answer| answer.status == 200) {
            if !self.running.alive() {
                ensure!(self.log().contains("Address already in use"), "nginx ended: {}", self.log());
                return Ok(false);
            }
            ensure!(Instant::now() < limit, "nginx is not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(true)
    }

    /// nginx writes its pid once it has its ports; before, somebody else may answer there.
    fn listens(&self) -> bool {
        fs::read_to_string(self.folder.join("data/nginx.pid")).is_ok_and(|pid| !pid.is_empty())
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        self.running.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?, two.local_addr()?))
}

fn deploy() -> PathBuf {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    clone.expect("the package lies two folders deep").join("deploy")
}

fn files(path: &Path) -> usize {
    let Ok(entries) = fs::read_dir(path) else { return 1 };
    entries.flatten().map(|entry| files(&entry.path())).sum()
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| size(&entry.path())).sum()
}
