//! Puts a built web application where the origin finds it, and takes old ones away.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt;
use magnitude_objects::{Key, Objects, Settings};

use crate::serve::ASSETS;

/// Bytes of a file beside the page, and of the page itself.
pub const LARGEST_FILE: usize = 1 << 20;
/// Bytes of an asset.
const LARGEST_ASSET: u64 = 16 << 20;
const MOST: usize = 2_000;

/// The names of the assets that the published page may load.
const CURRENT: &str = "web/current";
const PAGE: &str = "index.html";

/// Publishes `folder`: first every asset beside those of other releases, so that both can be loaded, then the small files, last the page, and
/// with it the release.
pub async fn publish(settings: &Settings, folder: &Path) -> anyhow::Result<()> {
    let objects = Objects::new(settings)?;
    let page = folder.join(PAGE);
    ensure!(page.is_file(), "{} is missing: build the web application first", page.display());
    let (assets, beside) = (files(&folder.join("assets"))?, files(folder)?);
    for (name, path) in &assets {
        put(&objects, ASSETS, name, path, LARGEST_ASSET).await?;
    }
    for (name, path) in beside.iter().filter(|(name, _)| name != PAGE) {
        put(&objects, "web", name, path, LARGEST_FILE as u64).await?;
    }
    put(&objects, "web", PAGE, &page, LARGEST_FILE as u64).await?;
    let names: Vec<_> = assets.iter().map(|(name, _)| name).collect();
    objects.put(&key(CURRENT)?, serde_json::to_vec(&names)?.into()).await?;
    println!("Published {} assets and {} beside them.", assets.len(), beside.len());
    Ok(())
}

/// Removes assets that the current release does not have and that none has had for so many days.
pub async fn prune(settings: &Settings, days: u32) -> anyhow::Result<()> {
    let objects = Objects::new(settings)?;
    let current = objects.get_small(&key(CURRENT)?, LARGEST_FILE).await?.context("nothing is published")?;
    let current: BTreeSet<String> = serde_json::from_slice(&current).context("the list of the current release is broken")?;
    let before = Utc::now() - TimeDelta::days(i64::from(days));
    let (mut entries, mut removed) = (objects.list(&key(ASSETS)?), 0);
    while let Some(entry) = entries.try_next().await? {
        let name = entry.key.as_str().rsplit('/').next().unwrap_or_default();
        if entry.modified < before && !current.contains(name) {
            objects.delete(&entry.key).await?;
            removed += 1;
        }
    }
    println!("Removed {removed} assets.");
    Ok(())
}

/// Again also where it is already: its age is that of the last release that has it. Its content is the same, as its name says.
async fn put(objects: &Objects, folder: &str, name: &str, path: &Path, most: u64) -> anyhow::Result<()> {
    let key = Key::within(folder, name).with_context(|| format!("{name:?} is no name for a file of a web application"))?;
    let size = std::fs::metadata(path)?.len();
    ensure!(size <= most, "{} has more than {most} bytes", path.display());
    let content = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(objects.put(&key, content.into()).await?)
}

/// The files of a folder, without those in folders within; none if it is not there.
fn files(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| anyhow::anyhow!("{} is no name for a file", name.display()))?;
        if entry.file_type()?.is_file() && !name.starts_with('.') {
            files.push((name, entry.path()));
        }
        ensure!(files.len() <= MOST, "{} has more than {MOST} files", folder.display());
    }
    files.sort();
    Ok(files)
}

fn key(text: &str) -> anyhow::Result<Key> {
    Key::new(text).with_context(|| format!("{text:?} is no key"))
}
