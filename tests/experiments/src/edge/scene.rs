//! What lies at the origin, and the origin itself: one that counts and can be away, in front of the media service.

use std::{net::SocketAddr, sync::Mutex, time::Duration};

use anyhow::{Context, ensure};
use magnitude_edge::{Origin, ask};
use magnitude_objects::{Hash, Key, Objects, Settings};

use crate::{run::Run, wait};

/// A point of presence looks for its settings at its start only, and is then found by Envoy's next check.
const THERE: Duration = Duration::from_mins(1);
pub const REFRESH: &str = "x-edge-refresh";
/// Less than a point of presence waits for its origin.
pub const SOON: Duration = Duration::from_secs(4);

pub struct Scene {
    /// What the points of presence ask.
    pub origin: Origin,
    /// What stands in front of them.
    pub edge: SocketAddr,
    /// Themselves, by name.
    pub points: Vec<(String, SocketAddr)>,
    pub secret: String,
    /// The media service's.
    objects: Objects,
    published: Mutex<Vec<Key>>,
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
        let (behind, folder) = run.control(|stack| Ok((format!("http://{}", stack.origin()), stack.objects()))).await?;
        let objects = Objects::new(&Settings::folder(&folder))?;
        let points = stack.edges.iter().map(|point| Ok((point.name.clone(), point.public.parse()?))).collect::<anyhow::Result<_>>()?;
        let (origin, published) = (Origin::before(Some(behind))?, Mutex::default());
        let scene = Self { origin, edge, points, secret: stack.edge_refresh, objects, published, seed: run.seed };
        let address = scene.origin.address();
        run.control(move |stack| stack.redirect_edge(Some(address))).await?;
        Ok(scene)
    }

    pub async fn restore(self, run: &Run) -> anyhow::Result<()> {
        run.control(|stack| stack.redirect_edge(None)).await?;
        for key in self.published.into_inner().expect("nobody panicked with it") {
            self.objects.delete(&key).await?;
        }
        Ok(())
    }

    /// Publishes an object of so many bytes that nobody has asked for yet. `name` makes its content differ from that of every other.
    pub async fn publish(&self, name: &str, size: usize) -> anyhow::Result<Object> {
        // A GIF to who looks at its first bytes, so that it is served as an image.
        let mut content = format!("GIF89a {name} of {:016x} ", self.seed).into_bytes();
        ensure!(content.len() <= size, "{size} bytes are too few");
        content.resize(size, b'.');
        let name = Hash::of(&content);
        let key = Key::of_content(&name);
        self.objects.put(&key, content.clone().into()).await?;
        self.published.lock().expect("nobody panicked with it").push(key);
        Ok(Object { path: format!("/objects/{name}"), content })
    }

    /// What a point of presence says of its answer to this path.
    pub async fn look(&self, point: SocketAddr, path: &str, secret: Option<&str>) -> anyhow::Result<String> {
        let headers: Vec<_> = secret.iter().map(|secret| (REFRESH, *secret)).collect();
        let answer = ask(point, "GET", path, &headers).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        Ok(answer.cache().to_owned())
    }

    /// Waits until every point of presence asks the origin, which it may have found silent: then it leaves it alone for some seconds.
    pub async fn asks_again(&self, name: &str) -> anyhow::Result<()> {
        let object = self.publish(name, 1024).await?;
        for (name, point) in &self.points {
            let answered = async || Ok((ask(*point, "GET", &object.path, &[]).await?.status == 200).then_some(()));
            wait::until(&format!("{name} asks the origin"), THERE, Duration::from_millis(20), answered).await?;
        }
        Ok(())
    }

    /// Asks until the point of presence answers from its cache.
    pub async fn warm(&self, point: SocketAddr, path: &str) -> anyhow::Result<()> {
        let hit = async || Ok((self.look(point, path, None).await? == "HIT").then_some(()));
        wait::until("it is kept", THERE, Duration::from_millis(20), hit).await
    }
}
