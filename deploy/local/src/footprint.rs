//! What a running stack takes of the machine.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process::living_in;
use crate::stack::Stack;

impl Stack {
    /// Bytes of memory of all its processes; of what several share, each has its part. A Postgres is no child of the Patroni that started it.
    pub fn memory(&self) -> Result<u64> {
        let recorded = self.nodes().into_iter().filter_map(|node| self.record(&node));
        let mut pids: HashSet<i32> = recorded.flat_map(|record| record.tree()).map(|record| record.pid).collect();
        pids.extend(living_in(&self.data_folder()));
        // Whoever has ended since then takes nothing.
        Ok(pids
            .into_iter()
            .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok())
            .map(|rollup| share(&rollup))
            .sum())
    }

    /// Bytes of its data and logs on the disk.
    pub fn disk(&self) -> Result<u64> {
        let logs = self.folder.join("logs");
        Ok(allocated(&self.data_folder())? + allocated(&logs)?)
    }
}

/// The proportional share, which the kernel tells in KiB.
fn share(rollup: &str) -> u64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// What goes away meanwhile takes nothing.
fn allocated(path: &Path) -> Result<u64> {
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(0) };
    let mut bytes = about.blocks() * 512;
    if about.is_dir() {
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())?.flatten() {
            bytes += allocated(&entry.path())?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_the_proportional_one() {
        assert_eq!(share("55d0-7ffe ---p 00000000 00:00 0    [rollup]\nRss:  900 kB\nPss:       12 kB\nPss_Dirty:  3 kB\n"), 12 * 1024);
        assert_eq!(share(""), 0);
    }

    #[test]
    fn a_folder_takes_what_its_files_take() {
        let folder = std::env::temp_dir().join(format!("magnitude-footprint-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        let empty = allocated(&folder).unwrap();
        fs::write(folder.join("below/file"), vec![1; 1 << 20]).unwrap();
        let full = allocated(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!((1 << 20..2 << 20).contains(&(full - empty)), "{}", full - empty);
        assert_eq!(allocated(&folder).unwrap(), 0);
    }
}
