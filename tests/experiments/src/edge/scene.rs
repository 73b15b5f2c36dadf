//! What lies at the origin, and the origin itself: one that counts and can be away, in front of the media service.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use magnitude_edge::{Origin, ask, hash};

use crate::{run::Run, wait};

/// A point of presence looks for its settings at its start only, and is then found by Envoy's next check.
const THERE: Duration = Duration::from_secs(30);
pub const REFRESH: &str = "x-edge-refresh";

pub struct Scene {
    /// What the points of presence ask.
    pub origin: Origin,
    /// What stands in front of them.
    pub edge: SocketAddr,
    /// Themselves, by name.
    pub points: Vec<(String, SocketAddr)>,
    pub secret: String,
    /// Where the media service finds objects.
    objects: PathBuf,
    seed: u64,
}

/// Something that is served.
#[derive(Clone, Debug)]
pub struct Object {
    pub path: String,
    pub content: Vec<u8>,
}

impl Scene {
    /// Puts an origin of the experiment's own behind the points of presence. `restore` takes it away again.
    pub async fn prepare(run: &Run) -> anyhow::Result<Self> {
        let stack = run.stack()?;
        let edge = stack.edge_url.context("this topology has no edge")?;
        let edge = edge.trim_start_matches("http://").parse().with_context(|| format!("{edge} is no address"))?;
        let (behind, objects) = run.control(|stack| Ok((format!("http://{}", stack.origin()), stack.objects().join("objects")))).await?;
        tokio::fs::create_dir_all(&objects).await.with_context(|| format!("{} cannot be made", objects.display()))?;
        let points = stack.edges.iter().map(|point| Ok((point.name.clone(), point.public.parse()?))).collect::<anyhow::Result<_>>()?;
        let scene = Self { origin: Origin::before(Some(behind)).await?, edge, points, secret: stack.edge_refresh, objects, seed: run.seed };
        let address = scene.origin.address();
        run.control(move |stack| stack.redirect_edge(Some(address))).await?;
        Ok(scene)
    }

    pub async fn restore(run: &Run) -> anyhow::Result<()> {
        run.control(|stack| stack.redirect_edge(None)).await
    }

    /// Publishes an object of so many bytes that nobody has asked for yet. `name` makes its content differ from that of every other.
    pub async fn publish(&self, name: &str, size: usize) -> anyhow::Result<Object> {
        // A GIF to who looks at its first bytes, so that it is served as an image.
        let mut content = format!("GIF89a {name} of {:016x} ", self.seed).into_bytes();
        ensure!(content.len() <= size, "{size} bytes are too few");
        content.resize(size, b'.');
        let name = hash(&content);
        let path = format!("/objects/{name}");
        let half = self.objects.join(format!(".{name}"));
        tokio::fs::write(&half, &content).await.with_context(|| format!("{} cannot be written", half.display()))?;
        tokio::fs::rename(&half, self.objects.join(&name)).await?;
        Ok(Object { path, content })
    }

    /// What a point of presence says of its answer to this path.
    pub async fn look(&self, point: SocketAddr, path: &str, secret: Option<&str>) -> anyhow::Result<String> {
        let headers: Vec<_> = secret.iter().map(|secret| (REFRESH, *secret)).collect();
        let answer = ask(point, "GET", path, &headers).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        Ok(answer.cache().to_owned())
    }

    /// Asks until the point of presence answers from its cache.
    pub async fn warm(&self, point: SocketAddr, path: &str) -> anyhow::Result<()> {
        let hit = async || Ok((self.look(point, path, None).await? == "HIT").then_some(()));
        wait::until("it is kept", THERE, Duration::from_millis(20), hit).await
    }
}
