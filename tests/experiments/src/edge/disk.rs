//! How fast a point of presence answers, beside nginx that serves the same file from disk.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use magnitude_load::{
    raw::{self, Raw},
    report::{Figure, median},
};
use magnitude_stack::{Program, Record};

use super::scene::{Object, Scene};
use crate::{run::Run, wait};

/// Enough to keep the one worker of each busy.
const CONNECTIONS: usize = 16;
/// An icon, an image in a list, a photograph.
const SIZES: [(usize, &str); 3] = [(4 * 1024, "4 KiB"), (64 * 1024, "64 KiB"), (1024 * 1024, "1 MiB")];
const READY: Duration = Duration::from_mins(1);
const GOAL: f64 = 0.9;

/// nginx that serves a folder. It ends, and the folder goes, with this value.
struct Disk {
    address: SocketAddr,
    folder: PathBuf,
    running: Record,
}

pub async fn compare(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let (rounds, time) = (run.rounds(7, 1), Duration::from_secs(if run.options.short { 1 } else { 4 }));
    let (_, point) = scene.points.first().context("no point of presence")?.clone();
    for (size, named) in SIZES {
        let object = scene.publish(&format!("speed {named}"), size).await?;
        scene.warm(point, &object.path).await?;
        let disk = Disk::serve(&object).await?;
        same(point, disk.address, &object).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let edge = async || raw::hammer(point, &object.path, size, CONNECTIONS, time).await;
            let file = async || raw::hammer(disk.address, &object.path, size, CONNECTIONS, time).await;
            // Which goes first changes, so that neither always meets the warmer machine.
            let (edge, file) = if round % 2 == 0 {
                let edge = edge().await?;
                (edge, file().await?)
            } else {
                let file = file().await?;
                (edge().await?, file)
            };
            run.tell(&format!("{named}: {edge:.0}/s from the edge, {file:.0}/s from disk"));
            ours.push(edge);
            theirs.push(file);
        }
        let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
        run.figure(Figure::at_least(format!("the edge beside nginx from disk, {named}"), ratio, "ratio", GOAL));
        run.figure(Figure::shown(format!("from the edge, {named}"), median(ours), "1/s"));
        run.figure(Figure::shown(format!("from disk, {named}"), median(theirs), "1/s"));
    }
    Ok(())
}

/// Both answer the same bytes, and the edge without its origin.
async fn same(point: SocketAddr, disk: SocketAddr, object: &Object) -> anyhow::Result<()> {
    for (address, cache) in [(point, "HIT"), (disk, "")] {
        let mut raw = Raw::connect(address).await?;
        let got = raw.get(&object.path).await?;
        ensure!(got.status == 200 && got.cache == cache && got.body == object.content, "{address}: {} {}", got.status, got.cache);
    }
    Ok(())
}

impl Disk {
    async fn serve(object: &Object) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("magnitude-disk-{}", std::process::id()));
        for part in ["objects", "temp"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        std::fs::write(folder.join(object.path.trim_start_matches('/')), &object.content)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let config =
            include_str!("disk.conf").replace("{{data}}", &folder.display().to_string()).replace("{{listen}}", &address.to_string());
        std::fs::write(folder.join("nginx.conf"), &config)?;
        let log = folder.join("log");
        std::fs::write(&log, "")?;
        drop(listener);
        let user = give(&folder)?;
        let args = ["-e", "stderr", "-c", &folder.join("nginx.conf").display().to_string()].map(str::to_owned).to_vec();
        let program = Program { path: "nginx".into(), args, config, cwd: folder.clone(), log, user, ..Program::default() };
        let disk = Self { address, running: program.spawn()?, folder };
        let listens = async || Ok(Raw::connect(address).await.is_ok().then_some(()));
        wait::until("nginx listens", READY, Duration::from_millis(20), listens).await?;
        Ok(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.running.end();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// As at the edge, root gives up its rights: to the user who owns the stack's caches.
fn give(folder: &Path) -> anyhow::Result<Option<String>> {
    let Some((user, uid)) = magnitude_stack::edge_user() else { return Ok(None) };
    for path in [folder.to_path_buf(), folder.join("temp"), folder.join("log")] {
        chown(&path, Some(uid), None).with_context(|| path.display().to_string())?;
    }
    Ok(Some(user.to_owned()))
}
