//! A node's data on a file system of its own that can be filled, without filling the machine's.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::stack::Stack;
use crate::topology::Node;
use crate::{command, files, place, postgres};

/// Tens of gigabytes take minutes.
const COPY_BOUND: Duration = Duration::from_mins(30);
const BOUND: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 100;
const BALLAST: &str = "ballast";
const MIB: u64 = 1 << 20;

/// Where a node's data is while it moves, beside its place.
struct Places {
    data: PathBuf,
    /// All of it: where this is, it counts and what is in the place does not.
    whole: PathBuf,
    /// Not yet all, or no longer.
    part: PathBuf,
}

impl Stack {
    /// Moves the data of a Postgres node into memory, on a file system with `spare` MiB more than it has, and starts the node again. Takes
    /// root, and a kernel that lets it mount.
    pub fn small_disk(&self, name: &str, spare: u64) -> Result<()> {
        let node = self.postgres_node(name)?;
        self.stop(name)?;
        let Places { data, whole, part } = self.places(&node);
        let size = used_mib(&data)? + spare;
        fs::rename(&data, &whole)?;
        fs::create_dir(&data)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m,mode=0700"), "magnitude"]).arg(&data);
        if let Err(error) = command::run(&mut mount, "mount", BOUND) {
            self.put_back(&node)?;
            return self.start(&node.name).and(Err(error));
        }
        files::give(&data, postgres::user().as_deref())?;
        copy(&whole, &data)?;
        fs::rename(whole, &part)?;
        place::remove(&part)?;
        self.start(&node.name)
    }

    /// Fills a small disk but for `leave` MiB.
    pub fn fill_disk(&self, name: &str, leave: u64) -> Result<()> {
        let data = self.data(&self.postgres_node(name)?.name);
        ensure!(is_mounted(&data)?, "{name} has no small disk");
        let ballast = File::create(data.join(BALLAST))?;
        // The server goes on writing: what was free a moment ago may be taken.
        for _ in 0..ATTEMPTS {
            let room = rustix::fs::statvfs(&data)?;
            let size = (room.f_bavail * room.f_frsize).saturating_sub(leave * MIB);
            if size == 0 || rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, size).is_ok() {
                return Ok(());
            }
        }
        bail!("the disk of {name} cannot be filled")
    }

    /// Makes room again.
    pub fn free_disk(&self, name: &str) -> Result<()> {
        place::remove(&self.data(name).join(BALLAST))
    }

    /// Moves the data back to the machine's disk, and starts the node again.
    pub fn large_disk(&self, name: &str) -> Result<()> {
        self.heal_disk(&self.postgres_node(name)?)?;
        self.start(name)
    }

    /// Ends what fills a disk, a small disk, or a move to or from one that did not end. A node whose data moves here does not run afterwards.
    pub(crate) fn heal_disk(&self, node: &Node) -> Result<()> {
        self.free_disk(&node.name)?;
        let Places { data, whole, part } = self.places(node);
        place::remove(&part)?;
        if !whole.exists() && !is_mounted(&data)? {
            return Ok(());
        }
        self.end(node)?;
        if !whole.exists() {
            fs::create_dir(&part)?;
            copy(&data, &part)?;
            fs::rename(part, whole)?;
        }
        self.put_back(node)
    }

    fn put_back(&self, node: &Node) -> Result<()> {
        let Places { data, whole, .. } = self.places(node);
        unmount(&data)?;
        place::remove(&data)?;
        Ok(fs::rename(whole, data)?)
    }

    fn places(&self, node: &Node) -> Places {
        let beside = |what: &str| self.data(&format!("{}.{what}", node.name));
        Places { data: self.data(&node.name), whole: beside("whole"), part: beside("part") }
    }

    fn postgres_node(&self, name: &str) -> Result<Node> {
        let node = self.node(name)?;
        ensure!(node.is_postgres(), "{name} is no Postgres");
        Ok(node)
    }
}

/// Takes a small disk away, with what is on it.
pub fn unmount(data: &Path) -> Result<()> {
    if !is_mounted(data)? {
        return Ok(());
    }
    command::run(Command::new("umount").arg(data), "umount", BOUND)
}

/// Whether it is another file system than its folder's.
fn is_mounted(data: &Path) -> Result<bool> {
    if !data.exists() {
        return Ok(false);
    }
    let parent = data.parent().context("data lies in a folder")?;
    Ok(fs::metadata(data)?.dev() != fs::metadata(parent)?.dev())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    command::run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to), "cp", COPY_BOUND)
}

fn used_mib(data: &Path) -> Result<u64> {
    let output = command::output(Command::new("du").args(["--summarize", "--block-size=1M"]).arg(data), "du", BOUND)?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().next().and_then(|size| size.parse().ok()).with_context(|| format!("du says {text:?}"))
}
