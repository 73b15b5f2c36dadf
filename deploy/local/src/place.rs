//! Where a stack's files lie: its own folder, and for the nodes' data another one if Postgres cannot enter that.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// For stacks below a folder that only root may enter, such as /root.
const ELSEWHERE: &str = "/var/lib/magnitude";
/// Logs can hold what users wrote, secrets are secret.
const PRIVATE: u32 = 0o700;
/// Another user, who Postgres runs as, walks through it.
const PASSABLE: u32 = 0o755;

/// Makes the parts of a stack's folder that are missing; its real path.
pub fn make(folder: &Path) -> Result<PathBuf> {
    for (part, mode) in [("run", PASSABLE), ("data", PASSABLE), ("logs", PRIVATE), ("secrets", PRIVATE)] {
        make_folder(&folder.join(part), mode)?;
    }
    let folder = folder.canonicalize()?;
    check_name(&folder)?;
    Ok(folder)
}

/// The place for the data of a new stack. None is the stack's folder itself.
pub fn for_data(folder: &Path, project: &Path) -> Result<Option<PathBuf>> {
    let Some(closed) = closed_parent(folder)? else { return Ok(None) };
    let empty = fs::read_dir(folder.join("data"))?.next().is_none();
    ensure!(empty, "PostgreSQL runs as the user postgres, who cannot enter {} any more: `chmod o+x` it", closed.display());
    let data = elsewhere(folder, project);
    make_folder(Path::new(ELSEWHERE), PASSABLE)?;
    make_folder(&data, PASSABLE)?;
    Ok(Some(data.canonicalize()?))
}

/// The folder above which the user postgres cannot get to `folder`. Only root gives up its rights to run Postgres.
pub fn closed_parent(folder: &Path) -> Result<Option<PathBuf>> {
    if crate::postgres::user().is_none() {
        return Ok(None);
    }
    for parent in folder.ancestors() {
        if fs::metadata(parent)?.permissions().mode() & 0o001 == 0 {
            return Ok(Some(parent.to_path_buf()));
        }
    }
    Ok(None)
}

/// A name of the clone's own, the same at every call.
pub fn elsewhere(folder: &Path, project: &Path) -> PathBuf {
    let clone = project.file_name().unwrap_or_default().to_string_lossy();
    Path::new(ELSEWHERE).join(format!("{clone}-{:08x}", crate::block::fingerprint(folder)))
}

/// Deletes a folder or file; it may be gone already.
pub fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn make_folder(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
    // Whatever the umask says.
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| format!("cannot change {}", path.display()))
}

/// The path is written into configuration files of four kinds; all of them can quote a space, not all of them these.
fn check_name(folder: &Path) -> Result<()> {
    let name = folder.to_str().with_context(|| format!("{} is not UTF-8: move the clone", folder.display()))?;
    ensure!(
        !name.contains(['"', '\'', '\\', '\n']),
        "{name} holds a quote or a backslash, which configuration files cannot: move the clone"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_space_can_be_configured_and_one_with_a_quote_cannot() {
        assert!(check_name(Path::new("/srv/my clone/.stack")).is_ok());
        assert!(check_name(Path::new("/srv/it's/.stack")).is_err());
    }

    #[test]
    fn what_is_gone_is_removed() {
        assert!(remove(Path::new("/nonexistent/folder")).is_ok());
    }

    #[test]
    fn two_stacks_of_a_clone_keep_their_data_apart() {
        let project = Path::new("/root/magnitude");
        assert_ne!(elsewhere(&project.join(".stack"), project), elsewhere(&project.join(".stack-test"), project));
    }
}
