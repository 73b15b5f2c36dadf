//! Writing files so that a reader, or the next start after a crash, sees the old content or the new, never half of it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Two threads may write one file: each has a name of its own until the rename.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Replaces `path` by renaming, with these permissions from the first byte on.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    file.write_all(content)?;
    // The umask may have taken bits away.
    file.set_permissions(Permissions::from_mode(mode))?;
    fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Gives a file or folder to an ordinary user; nothing to do when none is named.
pub fn give(path: &Path, user: Option<&str>) -> Result<()> {
    let Some(user) = user else { return Ok(()) };
    let (uid, gid) = account(user).with_context(|| format!("this machine has no user {user}: run deploy/local/install.sh"))?;
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give {} to {user}", path.display()))
}

/// Numbers of a user and its group.
pub fn account(user: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(user))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
